import { randomBytes } from 'node:crypto'
import type { Budget } from '../src/domain/budgets/budget.ts'
import { toBudgetId } from '../src/domain/ids.ts'
import { BudgetBook } from '../src/engine/budget-book.ts'
import { createCallIds } from '../src/engine/call-ids.ts'
import type { AccountRef, Counters } from '../src/engine/ports.ts'
import { systemClock } from '../src/engine/system-clock.ts'
import { connectRedis } from '../src/stores/redis/connect-redis.ts'
import { createKeyNames, type KeyNames } from '../src/stores/redis/key-names.ts'
import { type RedisStore, startRedisCounters } from '../src/stores/redis/open-redis-store.ts'
import { type RedisClient, textsOf } from '../src/stores/redis/redis-client.ts'
import { READ } from '../src/stores/redis/script.ts'

/* A process that counts in Redis as fast as its callers ask it to; what drains the stream is not measured here. */

export const CALLERS = 64
const AT = Date.now()
const ids = createCallIds(() => AT)
const ATTRIBUTES = { team: 'a', project: 'b', key: 'c', provider: 'p', model: 'm', tags: {} }
const BOUND = { input: 700, outputMax: 300, outputMin: 1, choices: 1 }
const USAGE = { kind: 'reported', counts: { input: { total: 500 }, output: { total: 200 } } } as const

export function budgetOf(id: string, enforcement: 'exact' | 'leased'): Budget {
  return {
    id: toBudgetId(id),
    name: id,
    scope: {},
    unit: 'tokens',
    limit: Number.MAX_SAFE_INTEGER - 1,
    period: { kind: 'month', timezone: 'UTC' },
    alertAt: [0.8],
    isHardCap: true,
    nearLimit: 'clamp',
    waitMs: 0,
    managedBy: 'file',
    ...(enforcement === 'exact' ? {} : { enforcement }),
  }
}

export interface Caller {
  readonly client: RedisClient
  readonly names: KeyNames
  readonly accounts: readonly AccountRef[]
  /** Reserves and settles so many calls, as many at once as there are callers. */
  readonly pairs: (count: number) => Promise<void>
  /** Likewise, as long as that is true. @returns how many */
  readonly pairsWhile: (isGoingOn: () => boolean) => Promise<number>
  readonly tend: () => Promise<void>
  readonly used: () => Promise<readonly number[]>
  /** Asks nothing of Redis any more. */
  readonly close: () => Promise<void>
}

/** @param budgets put in force where they are not yet */
export async function startCaller(url: string, prefix: string, budgets: readonly Budget[], callers = CALLERS): Promise<Caller> {
  const address = { kind: 'single', urls: [url] } as const
  const [client, drainClient] = await Promise.all([connectRedis(address), connectRedis(address)])
  const names = createKeyNames(prefix)
  const store = await startOver(client, drainClient, names)
  const { version } = await putOnce(store, budgets)
  const accounts = new BudgetBook({ version, budgets }).accountsOf(ATTRIBUTES, AT)
  for (const ref of accounts) await store.counters.open(ref)
  return {
    client,
    names,
    accounts,
    pairs: async (count) => {
      let left = count
      await callPairs(store.counters, { isGoingOn: () => left-- > 0, callers, accounts, version })
    },
    pairsWhile: (isGoingOn) => callPairs(store.counters, { isGoingOn, callers, accounts, version }),
    tend: () => store.counters.tend(),
    used: async () => (await store.counters.standings()).map(({ used }) => used),
    close: store.close,
  }
}

function startOver(client: RedisClient, drainClient: RedisClient, names: KeyNames): Promise<RedisStore> {
  const unasked = (): Promise<never> => Promise.reject(new Error('the ledger is not asked here'))
  const nothing = { budgets: [], accounts: [], holds: [], keys: [] }
  let position = { epoch: '', id: '0-0' }
  const follow = async ({ next }: { readonly next: typeof position }) => {
    position = next
    return 0
  }
  const reports = { usage: unasked, closes: unasked, alerts: unasked, dueDeliveries: unasked, audit: unasked, differences: unasked }
  return startRedisCounters({
    client,
    drainClient: unread(drainClient),
    names,
    clock: systemClock,
    monotonic: () => performance.now(),
    node: randomBytes(6).toString('hex'),
    applier: { position: async () => position, apply: follow, known: unasked },
    ledger: {
      ...reports,
      openState: async () => nothing,
      bounds: unasked,
      objects: unasked,
      ownsObjects: unasked,
      distrusts: unasked,
      unpriced: unasked,
      call: unasked,
      priceLines: unasked,
      olderCalls: unasked,
      sums: unasked,
      setAside: unasked,
    },
    spool: { append: () => undefined, left: () => [], clear: () => undefined },
    channelNames: [],
    onStoreDown: 'refuse',
    onLost: 'charge',
    holdTtlMs: 900_000,
    onAlerts: () => undefined,
    onTrouble: (message) => console.error(message),
    atTurnEnd: setImmediate,
  })
}

/** The stream is empty to whoever drains it: a part that was read once, and not taken in, would be measured with the calls. */
function unread(client: RedisClient): RedisClient {
  return {
    run: async (script, keys, args) => {
      if (script !== READ) return client.run(script, keys, args)
      const [epoch = ''] = textsOf(await client.run(script, keys, [...args.slice(0, 2), 1, 1]))
      return [epoch, []]
    },
    call: (command, ...args) => client.call(command, ...args),
    close: () => client.close(),
  }
}

async function putOnce({ catalog }: RedisStore, budgets: readonly Budget[]): Promise<{ readonly version: number }> {
  for (;;) {
    const { version, budgets: known } = await catalog.read()
    if (known.length === budgets.length) return { version }
    const put = await catalog.putBudgets(budgets, { at: AT, version })
    if (put !== undefined) return { version: put }
  }
}

async function callPairs(
  counters: Counters,
  {
    isGoingOn,
    callers,
    accounts,
    version,
  }: {
    readonly isGoingOn: () => boolean
    readonly callers: number
    readonly accounts: readonly AccountRef[]
    readonly version: number
  },
): Promise<number> {
  let count = 0
  const call = async () => {
    while (isGoingOn()) {
      const id = ids.callId()
      const made = { id, admittedAt: AT, attributes: ATTRIBUTES, endpoint: 'bench', price: undefined }
      const outcome = await counters.reserve({ call: made, bound: BOUND, accounts, version, expiresAt: AT + 900_000 })
      if (outcome.kind !== 'held') throw new Error(`a call was not held: ${outcome.kind}`)
      await counters.settle({ call: id, endedAt: AT, ending: 'done', status: 200, usage: USAGE })
      count++
    }
  }
  await Promise.all(Array.from({ length: callers }, call))
  return count
}

/** What a process did, and the CPU time that it took. */
export interface Called {
  readonly count: number
  readonly cpuUs: number
}

function cpuUs(): number {
  const { user, system } = process.cpuUsage()
  return user + system
}

/**
 * A process that lives for days spends next to nothing on compiling itself. Measured, a leased call took two to three times as much
 * right after the start; of exact ones, which mostly take longer, no difference stood out. So a run without it says less of leases.
 */
async function warmUp(caller: Caller): Promise<void> {
  const until = cpuUs() + WARM_UP_US
  await caller.pairsWhile(() => cpuUs() < until)
  await caller.tend()
}

const WARM_UP_US = Number(process.env['BENCH_WARM_UP_SECONDS'] ?? 3) * 1_000_000

/** As a process of its own: `redis-caller.ts URL PREFIX exact|leased CALLERS`; calls when it is told to, and says what it did. */
async function main([url = '', prefix = '', enforcement = '', callers = '']: readonly string[]): Promise<void> {
  const caller = await startCaller(url, prefix, [budgetOf('global', enforcement === 'leased' ? 'leased' : 'exact')], Number(callers))
  await warmUp(caller)
  const nothing: Called = { count: 0, cpuUs: 0 }
  process.send?.(nothing)
  await new Promise((resolve) => process.once('message', resolve))
  const until = performance.now() + Number(process.env['BENCH_SECONDS'] ?? 2) * 1000
  const tending = setInterval(() => void caller.tend(), 500)
  const before = cpuUs()
  const count = await caller.pairsWhile(() => performance.now() < until)
  clearInterval(tending)
  const called: Called = { count, cpuUs: cpuUs() - before }
  process.send?.(called, () => process.exit(0))
}

if (process.argv[1] === import.meta.filename) await main(process.argv.slice(2))

import { randomBytes } from 'node:crypto'
import { performance } from 'node:perf_hooks'
import { Failure } from '../../engine/failure.ts'
import type { Catalog, Clock, Counters, Journal, Ledger } from '../../engine/ports.ts'
import type { StreamApplier } from '../stream-applier.ts'
import { RedisAccounts } from './accounts.ts'
import { RedisCatalog } from './catalog.ts'
import { type RedisAddress, connectRedis } from './connect-redis.ts'
import { RedisCounters } from './counters.ts'
import { Commits } from './commits.ts'
import { Crossings } from './crossings.ts'
import { Drain, type NextStream } from './drain.ts'
import { RedisHolds } from './holds.ts'
import { RedisJournal } from './journal.ts'
import { Lapses } from './lapses.ts'
import { Leases } from './leases.ts'
import { createKeyNames, type KeyNames } from './key-names.ts'
import { Rebuild } from './rebuild.ts'
import { Recount, type RecountDeps } from './recount.ts'
import type { RedisClient } from './redis-client.ts'
import { Reservations } from './reservations.ts'
import { Session } from './session.ts'
import { Settlements } from './settlements.ts'
import { openSpool, type Spool } from './spool.ts'
import { openStoreClock } from './store-clock.ts'
import { createTurn, type Turn } from './turn.ts'
import { callsOf, Unconfirmed } from './unconfirmed.ts'

export interface RedisStoreOptions {
  readonly address: RedisAddress
  /** With a hash tag; `{bursar}` unless told. */
  readonly prefix?: string
  /** Where what could not be counted is kept. */
  readonly dataDir: string
  readonly ledger: Ledger
  readonly applier: StreamApplier
  readonly channelNames: readonly string[]
  readonly onStoreDown: 'refuse' | 'admit'
  readonly onLost: 'charge' | 'release'
  /** For how long a hold stands that is not renewed. */
  readonly holdTtlMs: number
  /** Absent: the store's clock. */
  readonly clock?: Clock
  readonly base: Clock
  readonly onAlerts: () => void
  readonly onTrouble: (message: string) => void
}

export interface RedisStore {
  readonly clock: Clock
  readonly counters: Counters
  readonly catalog: Catalog
  readonly journal: Journal
  /** Its answers include all that was appended before the question. */
  readonly ledger: Ledger
  /** Whose turn it is to do what one process does for all. */
  readonly turn: Turn
  readonly close: () => Promise<void>
}

/**
 * Counters in Redis, which many processes share; the ledger follows their stream.
 * @throws Failure store_unavailable
 */
export async function openRedisStore(options: RedisStoreOptions): Promise<RedisStore> {
  const names = createKeyNames(options.prefix ?? '{bursar}')
  const [client, drainClient] = await Promise.all([connectRedis(options.address), connectRedis(options.address)])
  try {
    const monotonic = () => performance.now()
    const storeClock = await openStoreClock(client, names, options.base, monotonic)
    const node = randomBytes(8).toString('hex')
    const spool = openSpool(options.dataDir, { pid: process.pid, node }, isAlive)
    const parts = await startRedisCounters({
      ...options,
      client,
      drainClient,
      names,
      node,
      spool,
      clock: options.clock ?? storeClock,
      monotonic: options.clock?.now ?? monotonic,
      atTurnEnd: setImmediate,
    })
    const syncing = setInterval(() => void storeClock.sync().catch(() => undefined), SYNC_MS)
    syncing.unref()
    return {
      ...parts,
      close: async () => {
        clearInterval(syncing)
        await parts.close()
        // Its steps are over: nobody asks any more how many of them were counted.
        await client.call('DEL', names.node(node)).catch(() => undefined)
        await Promise.all([client.close(), drainClient.close()])
      },
    }
  } catch (error) {
    await Promise.all([client.close(), drainClient.close()])
    throw error
  }
}

const SYNC_MS = 1000

export interface RedisPartsOptions extends Pick<
  RedisStoreOptions,
  'ledger' | 'applier' | 'channelNames' | 'onStoreDown' | 'onLost' | 'holdTtlMs' | 'onAlerts' | 'onTrouble'
> {
  readonly client: RedisClient
  readonly drainClient: RedisClient
  readonly names: KeyNames
  readonly clock: Clock
  /** Milliseconds that never jump. */
  readonly monotonic: () => number
  readonly node: string
  readonly spool: Spool
  /** Runs that at the end of this turn of the event loop. */
  readonly atTurnEnd: (run: () => void) => void
}

/** The parts of a store over connections that are there. @throws Failure store_unavailable */
export async function startRedisCounters(options: RedisPartsOptions): Promise<RedisStore> {
  const { client, drainClient, names, clock, monotonic, node, ledger, onTrouble } = options
  const unconfirmed = new Unconfirmed()
  const turn = createTurn({ client: drainClient, lock: names.lock('drain'), node, clock })
  const drain = new Drain({ ...options, client: drainClient, turn, openState: ledger.openState })
  const openState = async (stream: NextStream) => {
    await drain.beginStream(stream)
    return ledger.openState()
  }
  const lastStream = async () => (await options.applier.position()).epoch
  const rebuildTurn = createTurn({ client, lock: names.lock('rebuild'), node, clock })
  const rebuild = new Rebuild({ client, names, clock, monotonic, node, turn: rebuildTurn, openState, lastStream, onTrouble })
  const session: Session = new Session({
    client,
    names,
    clock,
    node,
    onTrouble,
    rejoin: (known) => rebuild.rejoin(known),
    isIntact: (known) => rebuild.isIntact(known),
    reopen: () => rebuild.reopen(),
    putBack: () => putBack({ unconfirmed, catalog, journal, counters, recount }),
  })
  const catalog = new RedisCatalog({ session, names, unconfirmed })
  const journal = new RedisJournal({ session, names, unconfirmed, ledgerTrouble: () => drain.trouble() })
  const { counters, recount, leases, crossings } = countersOver({
    ...options,
    session,
    catalog,
    unconfirmed,
    known: (calls) => drain.known(calls),
  })
  await session.start()
  await catalog.read()
  drain.start()
  const closeAll = () => close({ session, drain, turn, counters, recount, journal, leases, crossings })
  return { clock, counters, catalog, journal, ledger: caughtUp(ledger, drain), turn, close: closeAll }
}

type CountersOptions = Pick<
  RedisPartsOptions,
  'names' | 'clock' | 'monotonic' | 'onStoreDown' | 'onLost' | 'holdTtlMs' | 'onTrouble' | 'spool' | 'atTurnEnd'
> & {
  readonly session: Session
  readonly catalog: RedisCatalog
  readonly unconfirmed: Unconfirmed
  readonly known: RecountDeps['known']
}

interface CountersParts {
  readonly counters: RedisCounters
  readonly recount: Recount
  readonly leases: Leases
  readonly crossings: Crossings
}

function countersOver(options: CountersOptions): CountersParts {
  const accounts = new RedisAccounts(options)
  const crossings = new Crossings({ ...options, accounts })
  const leases = new Leases({ ...options, accounts })
  const settlements = new Settlements({ ...options, crossings })
  const recount = new Recount({ ...options, accounts, crossings, settlements })
  const commits = new Commits({ ...options, crossings, leases, recount })
  const reservations = new Reservations(options)
  const lapses = new Lapses({ ...options, crossings })
  const holds = new RedisHolds(options)
  return {
    recount,
    leases,
    crossings,
    counters: new RedisCounters({ ...options, accounts, holds, crossings, leases, lapses, settlements, commits, recount, reservations }),
  }
}

/** What this process wrote or has in flight, and a store that was made anew may not have. */
async function putBack(parts: {
  readonly unconfirmed: Unconfirmed
  readonly catalog: RedisCatalog
  readonly journal: RedisJournal
  readonly counters: RedisCounters
  readonly recount: Recount
}): Promise<void> {
  const { unconfirmed, catalog, journal, counters, recount } = parts
  const entries = unconfirmed.take()
  counters.forgetStream()
  try {
    await catalog.read()
    for (const entry of entries) {
      if (entry.kind !== 'record') continue
      if (entry.record.kind === 'revised' || entry.record.kind === 'key') await catalog.putBack(entry.record)
      else await journal.append([entry.record])
    }
    await counters.assertHolds()
    await recount.count(entries.flatMap(callsOf))
  } catch (error) {
    unconfirmed.restore(entries)
    throw error
  }
  // What ended while the store was away holds nothing in it: hard caps must not admit before it is counted.
  await recount.replay()
}

/** Every answer waits for the ledger to have what the stream has. */
function caughtUp(ledger: Ledger, drain: Drain): Ledger {
  const after =
    <A extends unknown[], R>(ask: (...args: A) => Promise<R>) =>
    async (...args: A): Promise<R> => {
      await drain.catchUp()
      return ask(...args)
    }
  return {
    openState: after(ledger.openState),
    usage: after(ledger.usage),
    closes: after(ledger.closes),
    alerts: after(ledger.alerts),
    dueDeliveries: after(ledger.dueDeliveries),
    audit: after(ledger.audit),
    objects: after(ledger.objects),
    ownsObjects: after(ledger.ownsObjects),
    distrusts: after(ledger.distrusts),
    differences: after(ledger.differences),
    bounds: after(ledger.bounds),
    unpriced: after(ledger.unpriced),
    call: after(ledger.call),
    priceLines: after(ledger.priceLines),
    olderCalls: after(ledger.olderCalls),
    sums: after(ledger.sums),
    // What is set aside is no sum: it is seen as it is, also where the ledger does not follow.
    setAside: ledger.setAside,
  }
}

async function close(parts: {
  readonly session: Session
  readonly drain: Drain
  readonly turn: Turn
  readonly counters: RedisCounters
  readonly recount: Recount
  readonly journal: RedisJournal
  readonly leases: Leases
  readonly crossings: Crossings
}): Promise<void> {
  const { session, drain, turn, counters, recount, journal, leases, crossings } = parts
  try {
    await recount.replay()
    await counters.tellDeferred()
    await crossings.judge()
    await leases.giveBack()
    await journal.flush()
    await drain.stop()
    await drain.catchUp()
    await turn.pass()
  } catch (error) {
    // What is left stands in the stream or in the spool, for whoever runs next.
    if (!(error instanceof Failure)) throw error
  } finally {
    await drain.stop()
    session.close()
  }
}

/** Whether a process of that id runs on this machine. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}

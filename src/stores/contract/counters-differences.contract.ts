import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Alert } from '../../domain/accounts/alert.ts'
import { type Budget, restart } from '../../domain/budgets/budget.ts'
import { toCallId } from '../../domain/ids.ts'
import type { EpochMs } from '../../domain/instant.ts'
import type { LedgerRecord } from '../../domain/record.ts'
import type { Usage } from '../../domain/usage/usage.ts'
import type { Journal, Standing } from '../../engine/ports.ts'
import { createMemoryCounters } from '../memory/counters.ts'
import { alertsIn, alertsOf, CHANNEL_NAMES, CountingProcess, type CountersUnderTest, TTL_MS } from './counting-process.ts'
import { AT, budget, key } from './sample-records.ts'
import { tokenCounts } from '../../domain/usage/token-counts.ts'

/**
 * The counters in memory are the plainest reading of what counters do: the same random steps have to leave the same outcomes,
 * accounts, holds and records. When a refusal opens an account, and when an alert is told, is left to each.
 */
export function describeDifferences(name: string, open: () => Promise<CountersUnderTest>, runs: number): void {
  describe(`${name} and the counters in memory`, () => {
    test(`do the same in ${runs} random lives`, { timeout: 240_000 }, async () => {
      let lives = 0
      await fc.assert(
        fc.asyncProperty(fc.array(steps, { minLength: 5, maxLength: 60 }), async (plan) => {
          const under = await open()
          lives++
          try {
            await liveTwice(plan, under)
          } finally {
            await under.close()
          }
        }),
        // A smaller counterexample is worth waiting for, but not without end.
        { numRuns: runs, interruptAfterTimeLimit: 120_000, markInterruptAsFailure: true },
      )
      expect(lives).toBe(runs)
    })
  })
}

const PRICE = { inputPico: 2_500_000, cachedInputPico: 1_250_000, cacheWritePico: 2_500_000, outputPico: 10_000_000 }
const HOUR_MS = 3_600_000

const BUDGETS: readonly Budget[] = [
  { ...budget('global', 3000), period: { kind: 'day', timezone: 'Europe/Berlin' }, alertAt: [0.5, 0.8] },
  { ...budget('team:a', 1500), weights: { cachedInput: 100, output: 1500 }, nearLimit: 'deny' },
  { ...budget('per-user', 8_000_000), each: 'user', unit: 'usd', period: { kind: 'day', timezone: 'UTC' } },
  { ...budget('jobs', 12), unit: 'requests', period: { kind: 'week', timezone: 'UTC' }, alertAt: [0.07, 0.5, 1], isHardCap: false },
  budget('huge', 400_000_000_000_007),
]

const CALLERS: readonly (readonly (readonly [string, string?])[])[] = [
  [['global'], ['team:a'], ['per-user', 'ann']],
  [['global'], ['team:a'], ['per-user', 'bob'], ['jobs']],
  [['per-user', '(none)'], ['global']],
  [['jobs']],
  [['huge']],
]

/** What the calls of the last caller are multiplied by: their sums have more than 14 digits. */
const HUGE = 123_456_789_123

type Step =
  | { readonly kind: 'call'; readonly caller: number; readonly input: number; readonly output: number; readonly more: CallMore }
  | { readonly kind: 'end'; readonly pick: number; readonly usage: Usage | 'held' }
  | { readonly kind: 'raise'; readonly pick: number; readonly to: number }
  | { readonly kind: 'renew' | 'defer'; readonly pick: number; readonly ms: number }
  | { readonly kind: 'wait'; readonly ms: number }
  | { readonly kind: 'edit'; readonly pick: number; readonly change: Partial<Budget> }
  | { readonly kind: 'open' | 'reset' | 'key'; readonly pick: number }
  | { readonly kind: 'lose' | 'close' }

interface CallMore {
  readonly min: number
  readonly expected: number | undefined
  readonly choices: number
  readonly isTrial: boolean
  readonly isPriced: boolean
}

const count = (max: number) => fc.integer({ min: 0, max })
const pick = fc.nat(1000)

const usages: fc.Arbitrary<Usage | 'held'> = fc.oneof(
  { weight: 1, arbitrary: fc.constantFrom('held' as const, { kind: 'none' as const }) },
  {
    weight: 4,
    arbitrary: fc
      .record({ input: count(250), cachedInput: count(100), output: count(350), reasoning: count(50) })
      .map((counts) => ({ kind: 'reported' as const, counts: tokenCounts(counts) })),
  },
  {
    weight: 1,
    arbitrary: fc.record({ requests: count(4), costNanoUsd: count(5_000_000) }).map(({ requests, costNanoUsd }) => ({
      kind: 'reported' as const,
      counts: { input: { total: 7 }, requests },
      billing: { costNanoUsd },
    })),
  },
)

const steps: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 30,
    arbitrary: fc.record({
      kind: fc.constant('call' as const),
      caller: fc.nat(CALLERS.length - 1),
      input: count(200),
      output: count(300),
      more: fc.record({
        min: count(30),
        expected: fc.option(count(100), { nil: undefined }),
        choices: fc.constantFrom(1, 1, 3),
        isTrial: fc.constantFrom(false, false, true),
        isPriced: fc.constantFrom(true, true, false),
      }),
    }),
  },
  { weight: 25, arbitrary: fc.record({ kind: fc.constant('end' as const), pick, usage: usages }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('raise' as const), pick, to: count(600) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constantFrom('renew' as const, 'defer' as const), pick, ms: count(5 * HOUR_MS) }) },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: count(40 * HOUR_MS) }) },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('edit' as const),
      pick,
      change: fc.record(
        {
          limit: fc.oneof(count(20), count(4000), count(20_000_000)),
          isHardCap: fc.boolean(),
          nearLimit: fc.constantFrom('clamp' as const, 'deny' as const),
          alertAt: fc.constantFrom([], [0.8], [0.3, 0.6, 0.9]),
        },
        { requiredKeys: [] },
      ),
    }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constantFrom('open' as const, 'reset' as const, 'key' as const), pick }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constantFrom('lose' as const, 'close' as const) }) },
)

/** What both lives know: the time, and what of theirs can be picked. */
interface World {
  at: EpochMs
  ids: number
  readonly calls: string[]
  /** Accounts in which something was held, or that were opened for themselves. */
  readonly touched: Set<string>
}

async function liveTwice(plan: readonly Step[], under: CountersUnderTest): Promise<void> {
  const memory = startMemory()
  const [left, right] = [new CountingProcess(memory.access), new CountingProcess(under)]
  const world: World = { at: AT, ids: 0, calls: [], touched: new Set() }
  for (const process of [left, right]) await process.put(...BUDGETS)
  for (const step of plan) {
    const act = actionOf(step, world)
    // Counters in memory hand out their accounts themselves, which change with the next step.
    const expected = structuredClone(await act(left))
    expect({ step, outcome: await act(right) }).toEqual({ step, outcome: expected })
  }
  expect(await everythingOf(right, world)).toEqual(structuredClone(await everythingOf(left, world)))
  expect(comparable(await under.records())).toEqual(comparable(memory.records))
  await expect.poll(async () => alertsById(await alertsOf(under)), { timeout: 5000 }).toEqual(alertsById(alertsIn(memory.records)))
}

function startMemory() {
  const records: LedgerRecord[] = []
  const append = async (more: readonly LedgerRecord[]) => void records.push(...structuredClone(more))
  const journal: Journal = { append, appendOrFail: (record) => append([record]), trouble: () => undefined }
  const state = { budgets: [], accounts: [], holds: [], keys: [] }
  const counters = createMemoryCounters({ journal, channelNames: CHANNEL_NAMES, onStoreDown: 'refuse', state })
  return { records, access: { counters, catalog: counters, journal } }
}

type Action = (process: CountingProcess) => Promise<unknown>

/** Draws what the step picks once, so that both lives do the same. */
function actionOf(step: Step, world: World): Action {
  switch (step.kind) {
    case 'call':
      return callOf(step, world)
    case 'wait':
      world.at += step.ms
      return async () => undefined
    case 'lose':
      return (process) => loseAll(process, world)
    case 'close':
      return (process) => closeAll(process, world)
    case 'key':
      return async (process) => {
        await process.access.catalog.putKey(key(`k${step.pick % 3}`, `bsr_${step.pick}`).key)
        await process.refresh()
      }
    case 'edit':
      return (process) => process.put({ ...budgetOf(process, step.pick), ...step.change })
    case 'open':
      return (process) => openOne(process, step.pick, world)
    case 'reset':
      return (process) => resetOne(process, step.pick, world)
    case 'end':
    case 'raise':
    case 'renew':
    case 'defer':
      return withCall(step, world)
  }
}

function callOf({ caller, input, output, more }: Step & { kind: 'call' }, world: World): Action {
  const isHuge = caller === CALLERS.length - 1
  const id = `${isHuge ? 'huge' : 'call'}-${++world.ids}`
  const accounts = CALLERS[caller] ?? []
  const outputMin = Math.min(more.min, output)
  const wish = {
    at: world.at,
    input: isHuge ? input * HUGE : input,
    accounts,
    outputMax: output,
    outputMin,
    choices: more.choices,
    isTrial: more.isTrial,
    ...(more.isPriced && !isHuge ? { price: PRICE } : {}),
    ...(more.expected === undefined ? {} : { outputExpected: Math.min(output, Math.max(outputMin, more.expected)) }),
  }
  return async (process) => {
    const outcome = await process.reserve(id, wish)
    if (outcome.kind === 'held' && !world.calls.includes(id)) {
      world.calls.push(id)
      for (const [name, each] of accounts) world.touched.add(process.ref(name, each ?? null, world.at).key)
    }
    return outcome
  }
}

function withCall(step: Step & { kind: 'end' | 'raise' | 'renew' | 'defer' }, world: World): Action {
  const id = world.calls[step.pick % world.calls.length]
  if (id === undefined) return async () => undefined
  const call = toCallId(id)
  const endedAt = world.at
  switch (step.kind) {
    case 'end':
      return (process) => process.settle(id, id.startsWith('huge') ? hugeUsage(step.usage) : step.usage, { endedAt })
    case 'raise':
      return ({ access }) => access.counters.raise(call, step.to)
    case 'renew':
      return ({ access }) => access.counters.renew(call, endedAt + step.ms)
    case 'defer':
      return ({ access }) => access.counters.defer(call, `job of ${id}`, endedAt + TTL_MS + step.ms)
  }
}

function hugeUsage(usage: Usage | 'held'): Usage | 'held' {
  if (usage === 'held' || usage.kind === 'none') return usage
  const { input, output } = usage.counts
  return { kind: 'reported', counts: { input: { total: (input?.total ?? 0) * HUGE }, output: { total: output?.total ?? 0 } } }
}

async function loseAll(process: CountingProcess, { at }: World): Promise<unknown> {
  const expired = (await process.access.counters.expired(at)).toSorted()
  const ended: unknown[] = []
  for (const id of expired) ended.push(await process.settle(id, 'held', { endedAt: at, ending: 'lost' }))
  return ended
}

async function closeAll(process: CountingProcess, world: World): Promise<unknown> {
  const { counters } = process.access
  const ended = known(await counters.ended(world.at), world).filter(({ callsInFlight }) => callsInFlight === 0)
  const closes: unknown[] = []
  for (const account of ended.map(({ key }) => key)) closes.push(await counters.close(account, world.at))
  return closes
}

async function openOne(process: CountingProcess, pick: number, world: World): Promise<void> {
  const { id, each } = budgetOf(process, pick)
  const ref = process.ref(id, each === undefined ? null : 'ann', world.at)
  world.touched.add(ref.key)
  await process.access.counters.open(ref)
}

/** As the engine resets: the accounts that the budget's new start ends are cut there. */
async function resetOne(process: CountingProcess, pick: number, world: World): Promise<void> {
  const previous = budgetOf(process, pick)
  const restarted = restart(previous, Math.max(world.at, (previous.startsFrom ?? 0) + 1))
  await process.put(restarted)
  const startsFrom = restarted.startsFrom ?? 0
  for (const { key, budget, period } of known(await process.access.counters.standings(), world)) {
    if (budget.id === previous.id && period.startsAt < startsFrom && startsFrom < period.endsAt)
      await process.access.counters.cut(key, startsFrom)
  }
}

function budgetOf(process: CountingProcess, pick: number): Budget {
  const id = BUDGETS[pick % BUDGETS.length]?.id
  const found = process.budgets.find((budget) => budget.id === id)
  if (found === undefined) throw new Error(`the process knows no budget ${id}`)
  return found
}

async function everythingOf(process: CountingProcess, world: World): Promise<unknown> {
  const { counters, catalog } = process.access
  const { budgets, keys } = await catalog.read()
  const byId = (a: { readonly id: string }, b: { readonly id: string }) => (a.id < b.id ? -1 : 1)
  return {
    standings: known(await counters.standings(), world),
    ended: known(await counters.ended(world.at), world),
    holds: (await counters.holds()).toSorted((a, b) => byId(a.call, b.call)),
    expired: (await counters.expired(world.at)).toSorted(),
    budgets: budgets.toSorted(byId),
    keys: keys.toSorted(byId),
  }
}

function known(standings: readonly Standing[], { touched }: World): readonly Standing[] {
  return standings
    .filter(({ key, used, alertedAt }) => touched.has(key) || used > 0 || alertedAt > 0)
    .toSorted((a, b) => (a.key < b.key ? -1 : 1))
}

/** What crossed a threshold tells it at once or soon; a refusal's alert is of the instant at which it was told. */
function alertsById(alerts: readonly Alert[]): ReadonlyMap<string, unknown> {
  return new Map(alerts.map((alert) => [alert.id, { ...alert, at: 0 }]))
}

function comparable(records: readonly LedgerRecord[]): readonly LedgerRecord[] {
  return records.flatMap((record) => {
    if (record.kind === 'opened' || record.kind === 'alerted') return []
    return [record.kind === 'ended' ? { ...record, alerts: [] } : record]
  })
}

import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { BudgetDefinition } from '../../src/domain/budgets/budget.ts'
import type { Close } from '../../src/domain/accounts/close.ts'
import type { CallBound } from '../../src/domain/usage/bound.ts'
import { toBudgetId, toCallId } from '../../src/domain/ids.ts'
import type { LedgerRecord } from '../../src/domain/record.ts'
import type { Attributes } from '../../src/domain/budgets/scope.ts'
import { type Engine, startEngine } from '../../src/engine/engine.ts'
import { Failure } from '../../src/engine/failure.ts'
import type { Catalog, Counters } from '../../src/engine/ports.ts'
import { createMemoryCounters } from '../../src/stores/memory/counters.ts'
import { createManualClock, type ManualClock } from './manual-clock.ts'
import { createNaiveLedger, type NaiveLedger } from './naive-ledger.ts'

/**
 * Random lives of an engine against a naive second opinion: an array of calls, summed afresh after every step. Each step may
 * be a call, its end, a jump of the clock, an edit of the budgets, a reset, a crash or a store that is down.
 */

const PRICE = { inputPico: 2_500_000, cachedInputPico: 1_250_000, cacheWritePico: 2_500_000, outputPico: 10_000_000 }

const CALLERS: readonly Attributes[] = [
  { team: 'a', user: 'ann', key: 'k1', provider: 'p', model: 'm', tags: {} },
  { team: 'a', user: 'bob', key: 'k1', provider: 'p', model: 'm', tags: { job: 'x' } },
  { team: 'b', key: 'k2', provider: 'p', model: 'm', tags: {} },
]

const START = Date.UTC(2026, 0, 30, 22, 0, 0)
const HOUR_MS = 3_600_000

const periodKinds = fc.constantFrom('hour' as const, 'day' as const, 'week' as const, 'month' as const, 'total' as const)
const zones = fc.constantFrom('UTC', 'Europe/Berlin', 'Asia/Kolkata')

function definition(id: string, more: Partial<BudgetDefinition>): BudgetDefinition {
  return {
    id: toBudgetId(id),
    name: id,
    scope: {},
    unit: 'tokens',
    limit: 1000,
    period: { kind: 'day', timezone: 'UTC' },
    alertAt: [0.5, 0.8],
    isHardCap: true,
    nearLimit: 'clamp',
    waitMs: 0,
    managedBy: 'file',
    ...more,
  }
}

const edit = fc.record({
  limit: fc.integer({ min: 0, max: 4000 }),
  isHardCap: fc.boolean(),
  nearLimit: fc.constantFrom('clamp' as const, 'deny' as const),
  period: fc.record({ kind: periodKinds, timezone: zones }),
})

const budgets = fc
  .tuple(edit, edit, edit, edit)
  .map(([global, team, user, tagged]) => [
    definition('global', { ...global, limit: global.limit * 4 }),
    definition('team:a', { ...team, scope: { team: 'a' } }),
    definition('per-user', { ...user, each: 'user', unit: 'usd', limit: user.limit * 5000 }),
    definition('tag.job:x', { ...tagged, scope: { 'tag.job': 'x' }, unit: 'requests', limit: tagged.limit % 20 }),
  ])

type Step =
  | { kind: 'call'; caller: number; input: number; output: number; min: number; expected?: number | undefined }
  | { kind: 'end'; pick: number; share: number; how: 'reported' | 'none' | 'held' }
  | { kind: 'raise'; pick: number; by: number }
  | { kind: 'defer'; pick: number }
  | { kind: 'advance'; ms: number }
  | { kind: 'setBack'; ms: number }
  | { kind: 'tick' }
  | { kind: 'edit'; budgets: readonly BudgetDefinition[] }
  | { kind: 'drop'; keep: number }
  | { kind: 'reset'; pick: number }
  | { kind: 'crash' }
  | { kind: 'storeDown'; isDown: boolean }

const steps: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 30,
    arbitrary: fc.record({
      kind: fc.constant('call' as const),
      caller: fc.nat(2),
      input: fc.integer({ min: 1, max: 200 }),
      output: fc.integer({ min: 0, max: 300 }),
      min: fc.nat(30),
      expected: fc.option(fc.nat(100), { nil: undefined }),
    }),
  },
  {
    weight: 30,
    arbitrary: fc.record({
      kind: fc.constant('end' as const),
      pick: fc.nat(1000),
      share: fc.integer({ min: 0, max: 130 }),
      how: fc.constantFrom('reported' as const, 'reported' as const, 'reported' as const, 'none' as const, 'held' as const),
    }),
  },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('raise' as const), pick: fc.nat(1000), by: fc.integer({ min: 1, max: 300 }) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('defer' as const), pick: fc.nat(1000) }) },
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('advance' as const), ms: fc.integer({ min: 1, max: 40 * HOUR_MS }) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('setBack' as const), ms: fc.integer({ min: 1, max: 3 * HOUR_MS }) }) },
  { weight: 6, arbitrary: fc.constant({ kind: 'tick' as const }) },
  { weight: 2, arbitrary: budgets.map((edited) => ({ kind: 'edit' as const, budgets: edited })) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('drop' as const), keep: fc.nat(3) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('reset' as const), pick: fc.nat(3) }) },
  { weight: 2, arbitrary: fc.constant({ kind: 'crash' as const }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('storeDown' as const), isDown: fc.boolean() }) },
)

/** The world of one random life. */
class Life {
  readonly clock: ManualClock = createManualClock(START)
  readonly ledger: NaiveLedger = createNaiveLedger()
  definitions: readonly BudgetDefinition[]
  engine!: Engine
  counters!: Counters & Catalog
  open: { id: string; input: number; output: number }[] = []
  readonly #deferred = new Set<string>()
  #ids = 0

  constructor(definitions: readonly BudgetDefinition[]) {
    this.definitions = definitions
  }

  async start(): Promise<void> {
    const state = this.ledger.openState()
    this.counters = createMemoryCounters({ journal: this.ledger, channelNames: ['slack'], onStoreDown: 'refuse', state })
    this.engine = await startEngine(
      {
        counters: this.counters,
        catalog: this.counters,
        journal: this.ledger,
        clock: this.clock,
        ids: { callId: () => toCallId(`c${++this.#ids}`) },
        prices: { priceOf: () => PRICE },
        holdTtlMs: 15 * 60_000,
        onLost: 'charge',
      },
      this.definitions,
    )
    // What the provider works on is still open; the other calls ended with their process.
    this.open = this.open.filter(({ id }) => this.#deferred.has(id))
    for (const { call } of await this.engine.deferred()) check(this.#deferred.has(call.id), () => `${call.id} was deferred`)
  }

  async take(step: Step): Promise<void> {
    switch (step.kind) {
      case 'call':
        return this.#call(step)
      case 'end':
        return this.#end(step)
      case 'raise':
        return this.#raise(step)
      case 'defer':
        return this.#defer(step)
      case 'advance':
        this.clock.advance(step.ms)
        return
      case 'setBack':
        this.clock.jumpTo(Math.max(START, this.clock.now() - step.ms))
        return
      case 'tick':
        if (this.ledger.trouble() === undefined) await this.engine.tick()
        return
      case 'edit':
        return this.#edit(step.budgets)
      case 'drop':
        return this.#edit(this.definitions.filter((_, i) => i !== step.keep))
      case 'reset':
        return this.#reset(this.definitions[step.pick % Math.max(1, this.definitions.length)]?.id ?? '')
      case 'crash':
        this.ledger.breakDown(undefined)
        this.ledger.crash()
        await this.start()
        return
      case 'storeDown':
        this.ledger.breakDown(step.isDown ? 'the disk is full' : undefined)
    }
  }

  async #call(step: Step & { kind: 'call' }): Promise<void> {
    const outputMin = Math.min(step.min, step.output)
    const expected = step.expected === undefined ? {} : { outputExpected: Math.max(outputMin, Math.min(step.expected, step.output)) }
    const bound: CallBound = { input: step.input, outputMax: step.output, outputMin, choices: 1, ...expected }
    const before = await this.#snapshot()
    const attributes = CALLERS[step.caller]!
    const outcome = await this.engine
      .admit({ attributes, modelName: attributes.model, endpoint: 'test', bound })
      .catch(() => 'store_down' as const)
    if (outcome === 'store_down') {
      expect(this.ledger.trouble()).toBeDefined()
      expect(await this.#snapshot()).toEqual(before)
      return
    }
    if (outcome.kind === 'refused') {
      expect(await this.#snapshot()).toEqual(before)
      if (outcome.reason === 'budget_exceeded')
        await this.#expectTight(
          outcome.standings.map(({ key }) => key),
          bound,
        )
      return
    }
    for (const standing of outcome.standings) {
      expect(standing.period.startsAt).toBeLessThanOrEqual(Math.max(this.clock.now(), standing.budget.startsFrom ?? 0))
      if (standing.budget.isHardCap) expect(standing.used + standing.held).toBeLessThanOrEqual(standing.budget.limit)
    }
    this.open.push({ id: outcome.call.id, input: bound.input, output: outcome.outputMax })
  }

  async #expectTight(keys: readonly string[], bound: CallBound): Promise<void> {
    const standing = (await this.counters.standings()).find(({ key }) => key === keys[0])!
    const least = {
      tokens: bound.input + bound.outputMin,
      requests: 1,
      usd: Math.ceil((bound.input * 2_500_000 + bound.outputMin * 1e7) / 1000),
    }
    const most = {
      tokens: bound.input + bound.outputMax,
      requests: 1,
      usd: Math.ceil((bound.input * 2_500_000 + bound.outputMax * 1e7) / 1000),
    }
    const { budget, used, held } = standing
    const needed = budget.nearLimit === 'clamp' ? least[budget.unit] : most[budget.unit]
    expect(budget.isHardCap).toBe(true)
    expect(budget.limit === 0 || used + held + needed > budget.limit).toBe(true)
  }

  async #edit(definitions: readonly BudgetDefinition[]): Promise<void> {
    const isDone = await this.#isAcknowledged(this.engine.reconfigure(definitions, { actor: 'test', reason: 'edit' }))
    if (isDone) this.definitions = definitions
  }

  async #reset(id: string): Promise<void> {
    await this.#isAcknowledged(this.engine.reset(id, { actor: 'test', reason: 'r' }))
  }

  /** A change that can't be written is refused, and changes nothing; only a store that is down refuses one. */
  async #isAcknowledged(change: Promise<unknown>): Promise<boolean> {
    const before = this.engine.budgets()
    try {
      await change
      return true
    } catch (error) {
      check(error instanceof Failure && error.code === 'store_unavailable' && this.ledger.trouble() !== undefined, () => String(error))
      expect(this.engine.budgets()).toEqual(before)
      return false
    }
  }

  async #end(step: Step & { kind: 'end' }): Promise<void> {
    if (this.open.length === 0) return
    const [call] = this.open.splice(step.pick % this.open.length, 1)
    const counts = { input: { total: call!.input }, output: { total: Math.floor((call!.output * step.share) / 100) } }
    const usages = { reported: { kind: 'reported', counts }, none: { kind: 'none' }, held: 'held' } as const
    const usage = usages[step.how]
    const request = { call: toCallId(call!.id), endedAt: this.clock.now(), ending: 'done' as const, usage }
    await this.engine.settle(request)
    expect(await this.engine.settle(request)).toBeUndefined()
  }

  async #raise({ pick, by }: Step & { kind: 'raise' }): Promise<void> {
    const call = this.open[pick % this.open.length]
    if (call === undefined) return
    const before = await this.#snapshot()
    const taken = new Map((await this.counters.standings()).map(({ key, used, held }) => [key, used + held]))
    const outputMax = await this.engine.raise(toCallId(call.id), call.output + by)
    if (outputMax <= call.output) expect(await this.#snapshot()).toEqual(before)
    for (const { key, budget, used, held } of await this.counters.standings()) {
      const isRaised = used + held > (taken.get(key) ?? 0)
      check(!isRaised || !budget.isHardCap || used + held <= budget.limit, () => `${key} was raised past its limit`)
    }
    call.output = Math.max(call.output, outputMax)
  }

  async #defer({ pick }: Step & { kind: 'defer' }): Promise<void> {
    const call = this.open[pick % this.open.length]
    if (call === undefined) return
    this.#deferred.add(call.id)
    const before = await this.#snapshot()
    await this.engine.defer(toCallId(call.id), `job of ${call.id}`)
    expect(await this.#snapshot()).toEqual(before)
  }

  async #snapshot(): Promise<unknown> {
    return (await this.counters.standings())
      .filter(({ used, held }) => used + held > 0)
      .map(({ key, used, held, overrun }) => ({ key, used, held, overrun }))
  }
}

/** Cheap where it holds: it runs some ten million times. */
function check(holds: boolean, what: () => string): void {
  if (!holds) throw new Error(what())
}

/** The promises, from the records alone, by plain sums. */
async function checkPromises(records: readonly LedgerRecord[], life: Life): Promise<void> {
  const used = new Map<string, number>()
  const holds = new Map<string, readonly string[]>()
  const ended = new Set<string>()
  const alerts = new Set<string>()
  const closes: Close[] = []
  for (const record of records) {
    if (record.kind === 'closed') closes.push(record.close)
    const fired = record.kind === 'ended' ? record.alerts : record.kind === 'alerted' ? [record.alert] : []
    for (const { account, threshold } of fired) {
      check(!alerts.has(`${account} ${threshold}`), () => `one alert for ${account} at ${threshold}`)
      alerts.add(`${account} ${threshold}`)
    }
    if (record.kind === 'held')
      holds.set(
        record.hold.call.id,
        record.hold.charges.map(({ account }) => account),
      )
    if (record.kind !== 'ended') continue
    const { call, amounts } = record.settlement
    check(!ended.has(call), () => `${call} ended once`)
    ended.add(call)
    const accounts = holds.get(call)
    check(accounts !== undefined, () => `${call} was held before it ended`)
    for (const [i, account] of accounts!.entries()) used.set(account, (used.get(account) ?? 0) + (amounts[i] ?? 0))
  }
  if (life.ledger.trouble() === undefined) await checkCounters(life, used)
  checkCloses(closes, used)
}

async function checkCounters(life: Life, used: ReadonlyMap<string, number>): Promise<void> {
  const held = new Map<string, number>()
  for (const { charges } of await life.counters.holds())
    for (const { account, amount } of charges) held.set(account, (held.get(account) ?? 0) + amount)
  for (const standing of await life.counters.standings()) {
    check(
      standing.used === (used.get(standing.key) ?? 0),
      () => `used of ${standing.key}: ${standing.used}, its calls: ${used.get(standing.key)}`,
    )
    check(
      standing.held === (held.get(standing.key) ?? 0),
      () => `held of ${standing.key}: ${standing.held}, its holds: ${held.get(standing.key)}`,
    )
  }
}

function checkCloses(closes: readonly Close[], used: ReadonlyMap<string, number>): void {
  const closed = new Set<string>()
  const lastEnd = new Map<string, number>()
  for (const close of closes.toSorted((a, b) => a.period.startsAt - b.period.startsAt)) {
    check(!closed.has(close.account), () => `${close.account} closed once`)
    closed.add(close.account)
    check(
      close.used === (used.get(close.account) ?? 0),
      () => `close of ${close.account}: ${close.used}, its calls: ${used.get(close.account)}`,
    )
    if (close.each !== null) continue
    const end = lastEnd.get(close.budget) ?? 0
    check(close.period.startsAt >= end, () => `${close.budget}: ${close.period.name} begins where the one before ended`)
    lastEnd.set(close.budget, close.period.endsAt)
  }
}

test('the promises hold after every step of 1,000 random lives of 100 steps and more', async () => {
  let taken = 0
  await fc.assert(
    fc.asyncProperty(budgets, fc.array(steps, { minLength: 100, maxLength: 120 }), async (definitions, plan) => {
      const life = new Life(definitions)
      await life.start()
      for (const step of plan) {
        await life.take(step)
        await checkPromises(life.ledger.records, life)
        taken++
      }
    }),
    { numRuns: 1000 },
  )
  expect(taken).toBeGreaterThanOrEqual(100_000)
}, 240_000)

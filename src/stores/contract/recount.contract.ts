import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Attributes } from '../../domain/budgets/scope.ts'
import { costNanoUsd, type Price } from '../../domain/usage/price.ts'
import { LINE_PARTS, priceLinesOf, unitsAt } from '../../domain/usage/price-lines.ts'
import { chargedTokens, type Usage } from '../../domain/usage/usage.ts'
import { BatchApplier } from '../ledger/batch-applier.ts'
import { Callers } from '../ledger/callers.ts'
import type { Dialect } from '../ledger/dialect.ts'
import { differences } from '../ledger/differences.ts'
import { droppedUpTo, dropSlice } from '../ledger/dropped-calls.ts'
import { OlderRecount } from '../ledger/recount-older.ts'
import { integer } from '../ledger/row.ts'
import { bulk, insert, query, type Steps } from '../ledger/statement.ts'
import { usage as usageOf } from '../ledger/usage-query.ts'
import { DAY, HOUR_MS } from '../ledger/utc-grain.ts'
import { DAY_MS, naiveUsage } from './naive-usage.contract.ts'
import { AT, called } from './sample-records.ts'

/** A ledger as the version before price lines left it, to begin with. */
export interface OlderLedger {
  readonly dialect: Dialect
  /** In a transaction; what is thrown undoes it. */
  readonly run: <T>(steps: () => Steps<T>) => Promise<T>
  /** Brings the tables up to this code's. */
  readonly upgrade: () => Promise<void>
  readonly close: () => Promise<void>
}

const PRICES: readonly (Price | undefined)[] = [
  undefined,
  { inputPico: 1_250_333, cachedInputPico: 125_111, cacheWritePico: 1_562_777, outputPico: 10_000_001 },
  {
    inputPico: 3,
    cachedInputPico: 1,
    cacheWritePico: 4,
    outputPico: 9,
    longer: [{ above: 500, rates: { inputPico: 7, cachedInputPico: 2, cacheWritePico: 8, outputPico: 11 } }],
  },
]

interface SomeCall {
  readonly user: string
  readonly price: number
  readonly admittedAt: number
  readonly lastsMs: number
  readonly input: number
  readonly cachedInput: number
  readonly output: number
  readonly isEstimated: boolean
  /** undefined: as its price says. */
  readonly cost: number | undefined
}

const calls: fc.Arbitrary<SomeCall> = fc.record({
  user: fc.constantFrom('ann', 'bob'),
  price: fc.constantFrom(0, 1, 2),
  admittedAt: fc.integer({ min: AT - 3 * DAY_MS, max: AT }),
  lastsMs: fc.oneof(fc.constant(0), fc.nat(60_000), fc.nat(2 * DAY_MS)),
  input: fc.nat(1000),
  cachedInput: fc.nat(1000),
  output: fc.nat(1000),
  isEstimated: fc.boolean(),
  cost: fc.option(fc.nat(1e9), { nil: undefined, freq: 4 }),
})

type Act =
  | { readonly kind: 'batch'; readonly calls: readonly SomeCall[] }
  | { readonly kind: 'slice' }
  | { readonly kind: 'crash'; readonly after: number }
  | { readonly kind: 'restart' }
  | { readonly kind: 'drop'; readonly before: number }
  /** A call hours later, with which the sums so far are moved into the rollups. */
  | { readonly kind: 'later'; readonly call: SomeCall }

const acts: fc.Arbitrary<Act> = fc.oneof(
  { weight: 3, arbitrary: fc.array(calls, { maxLength: 5 }).map((list): Act => ({ kind: 'batch', calls: list })) },
  { weight: 4, arbitrary: fc.constant<Act>({ kind: 'slice' }) },
  { weight: 2, arbitrary: fc.nat(12).map((after): Act => ({ kind: 'crash', after })) },
  fc.constant<Act>({ kind: 'restart' }),
  calls.map((call): Act => ({ kind: 'later', call })),
  fc.integer({ min: AT - 3 * DAY_MS, max: AT }).map((before): Act => ({ kind: 'drop', before })),
)

const CALL = {
  id: 'text', caller: 'integer', admitted_at: 'integer', ended_at: 'integer', ending: 'text', status: 'integer', usage_kind: 'text',
  why: 'text', input: 'integer', cached_input: 'integer', cache_write: 'integer', output: 'integer', reasoning: 'integer',
  cost_nano_usd: 'integer', charges: 'text', overrun: 'integer', held_input: 'integer', held_output: 'integer', spared: 'integer',
} as const // prettier-ignore
const ADD_OLDER = insert('ended_calls', CALL)
/** All sums of the older version before any of them was moved on: by the hour in which a call ended. */
const ADD_OLDER_SUMS = `INSERT INTO rollup_live SELECT ended_at / ${HOUR_MS} * ${HOUR_MS}, caller, count(*),
  count(*) FILTER (WHERE usage_kind = 'estimated'), sum(input), sum(cached_input), sum(cache_write), sum(output), sum(reasoning), sum(cost_nano_usd)
  FROM ended_calls GROUP BY 1, 2`

function attributesOf({ user, price }: SomeCall): Attributes {
  return { provider: 'openai', model: `m${price}`, user, tags: {} }
}

function usedBy({ input, cachedInput, output, isEstimated }: SomeCall): Usage {
  const counts = { input: { total: input, cached: Math.min(cachedInput, input) }, output: { total: output } }
  return isEstimated ? { kind: 'estimated', counts, why: 'a guess' } : { kind: 'reported', counts }
}

function costOf(call: SomeCall): number {
  const price = PRICES[call.price]
  return call.cost ?? (price === undefined ? 0 : costNanoUsd(chargedTokens(usedBy(call)), price))
}

/** Adds the calls as the older version did. */
function* addOlder(older: readonly SomeCall[], dialect: Dialect): Steps<void> {
  const callers = new Callers(dialect)
  const asked = older.map((call, i) => ({ ...calledOf(call, `old-${i}`), some: call }))
  yield* callers.learn(asked.map(({ call }) => call))
  yield* dialect.makeRoom(older.map(({ admittedAt }) => admittedAt))
  const rows = asked.map(({ call, some }) => {
    const { input, output } = chargedTokens(usedBy(some))
    const kind = some.isEstimated ? 'estimated' : 'reported'
    const sums = [input.total, input.cached, 0, output.total, 0, costOf(some)]
    const { admittedAt } = call
    return [call.id, callers.idOf(call), admittedAt, admittedAt + some.lastsMs, 'done', 200, kind, '', ...sums, '[]', 0, 10, 5, 0]
  })
  yield* bulk(ADD_OLDER, rows)
  yield* query(ADD_OLDER_SUMS)
}

function calledOf(some: SomeCall, id: string) {
  const [hold] = called(id)
  if (hold.kind !== 'held') throw new Error('a call begins with its hold')
  const price = PRICES[some.price]
  const { price: _, ...rest } = hold.hold.call
  const call = { ...rest, admittedAt: some.admittedAt, attributes: attributesOf(some), ...(price === undefined ? {} : { price }) }
  return { hold, call }
}

function recordsOf(some: SomeCall, id: string) {
  const { hold, call } = calledOf(some, id)
  const [, end] = called(id, { usage: usedBy(some), costNanoUsd: costOf(some), endedAt: some.admittedAt + some.lastsMs })
  return [{ ...hold, hold: { ...hold.hold, call } }, end] as const
}

/** What the steps come to until they are cut off: nothing. */
function* crashing<T>(steps: Steps<T>, after: number): Steps<never> {
  let step = steps.next([])
  for (let i = 0; step.done !== true && i < after; i++) step = steps.next(yield step.value)
  throw new Error('killed')
}

const NAMED = `SELECT line_days.day, callers."user", price_lines.model, part, basis, tier, above, unit_pico, share,
  sum(quantity) AS quantity, sum(cost_nano_usd) AS cost, sum(line_days.calls) AS calls, sum(estimated_calls) AS estimated
  FROM line_days JOIN price_lines ON price_lines.id = line JOIN callers ON callers.id = caller GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9`

function* linesInLedger(): Steps<readonly string[]> {
  const rows = yield* query(NAMED)
  return rows.map((row) => Object.values(row).join(' ')).toSorted()
}

/** One call after the other, without slices or SQL. */
function naiveLines(all: readonly { readonly some: SomeCall; readonly isOlder: boolean }[]): readonly string[] {
  const sums = new Map<string, number[]>()
  for (const { some, isOlder } of all) {
    const price = PRICES[some.price]
    const tokens = chargedTokens(usedBy(some))
    const tier = isOlder ? '?' : undefined
    const { terms, lines } = priceLinesOf({ tokens, price, tier, isStated: false, costNanoUsd: costOf(some) })
    for (const { part, quantity, costNanoUsd: cost } of lines) {
      const unit = price === undefined ? 0 : unitsAt(price, terms.above)[LINE_PARTS.indexOf(part)]
      const name = [DAY.floor(some.admittedAt), some.user, `m${some.price}`, part, terms.basis, terms.tier, terms.above, unit, ''].join(' ')
      const sum = sums.get(name) ?? [0, 0, 0, 0]
      sums.set(name, [sum[0]! + quantity, sum[1]! + cost, sum[2]! + 1, sum[3]! + (some.isEstimated ? 1 : 0)])
    }
  }
  return [...sums].map(([name, sum]) => `${name} ${sum.join(' ')}`).toSorted()
}

const QUERIES = [
  { from: 0, to: 1e15, groupBy: ['user'] },
  { from: AT - 2 * DAY_MS - 1234, to: AT + 4321, groupBy: ['user', 'model'] },
  { from: AT - 2.3 * DAY_MS, to: AT, groupBy: [], interval: { kind: 'day' as const, timezone: 'Asia/Kolkata' } },
  { from: 0, to: AT + DAY_MS, groupBy: [], interval: { kind: 'hour' as const, timezone: 'UTC' } },
]

/** @param open under that name */
export function describeRecount(name: string, open: (run: string) => Promise<OlderLedger>, numRuns: number): void {
  describe(`${name} counts the calls of an older version again`, () => {
    test('in slices between batches, drops and crashes: every sum is right at each instant, and in the end as if made from the whole table', async () => {
      let run = 0
      const property = fc.asyncProperty(fc.array(calls, { maxLength: 40 }), fc.array(acts, { maxLength: 25 }), async (older, todo) => {
        const ledger = await open(`recount-${++run}`)
        try {
          await check(ledger, older, todo)
        } finally {
          await ledger.close()
        }
      })
      await fc.assert(property, { numRuns })
      expect(run).toBeGreaterThanOrEqual(numRuns)
    }, 240_000)
  })
}

async function check(ledger: OlderLedger, older: readonly SomeCall[], todo: readonly Act[]): Promise<void> {
  const { dialect, run } = ledger
  await run(() => addOlder(older, dialect))
  await ledger.upgrade()
  const all = older.map((some) => ({ some, isOlder: true }))
  let applier = new BatchApplier(dialect)
  let recount = new OlderRecount(dialect, 4)
  let hasDropped = false
  let hours = 0
  for (const act of todo) {
    const added = act.kind === 'batch' ? act.calls : act.kind === 'later' ? [{ ...act.call, admittedAt: AT + ++hours * HOUR_MS }] : []
    if (added.length > 0) await run(() => applier.apply(added.flatMap((some, i) => recordsOf(some, `new-${all.length + i}`))))
    all.push(...added.map((some) => ({ some, isOlder: false })))
    if (act.kind === 'slice') await run(() => recount.slice())
    if (act.kind === 'crash') {
      await expect(run(() => crashing(recount.slice(), act.after))).rejects.toThrow('killed')
      recount.forget()
    }
    if (act.kind === 'restart') {
      applier = new BatchApplier(dialect)
      recount = new OlderRecount(dialect, 4)
    }
    if (act.kind === 'drop') {
      hasDropped = true
      await run(() => dropSlice(droppedUpTo(act.before)))
    }
    expect(await run(differences), act.kind).toEqual([])
    const [total] = await run(() => usageOf({ from: 0, to: 1e15, groupBy: [] }))
    expect(total?.calls ?? 0).toBe(all.length)
    expect(total?.costNanoUsd ?? 0).toBe(all.reduce((sum, { some }) => sum + costOf(some), 0))
  }
  for (;;) if ((await run(() => recount.slice())).isDone) break
  expect(await run(differences)).toEqual([])
  if (hasDropped) return
  expect(await run(linesInLedger)).toEqual(naiveLines(all))
  const [done] = await run(() => query("SELECT value FROM meta WHERE name = 'recounted_calls'"))
  expect(integer(done ?? {}, 'value')).toBe(older.length)
  const wished = all.map(({ some }) => {
    const { user, price, admittedAt } = some
    return { attributes: { user, model: `m${price}` }, admittedAt, usage: usedBy(some), costNanoUsd: costOf(some) }
  })
  for (const asked of QUERIES) expect(await run(() => usageOf(asked))).toEqual(naiveUsage(wished, asked))
}

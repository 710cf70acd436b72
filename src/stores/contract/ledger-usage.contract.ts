import fc from 'fast-check'
import { expect, test } from 'vitest'
import { toCallId } from '../../domain/ids.ts'
import { costNanoUsd } from '../../domain/usage/price.ts'
import { chargedCounts, type TokenCounts, type Usage } from '../../domain/usage/usage.ts'
import type { PriceLineDay } from '../../engine/ports.ts'
import type { LedgerUnderTest } from './ledger.contract.ts'
import { DAY_MS } from './naive-usage.contract.ts'
import { AT, called, held } from './sample-records.ts'

const EVER = { from: 0, to: 8_640_000_000_000_000, groupBy: [] }

/** What a ledger keeps of what calls used, and when it counts them. */
export function describeKeptUsage({
  under,
  reopen,
}: {
  readonly under: () => LedgerUnderTest
  readonly reopen: () => Promise<void>
}): void {
  test('a call keeps every part that it was charged for, how that is known and what its provider said, for any usage', async () => {
    const usages = fc.sample(anyUsage, { numRuns: 120, seed: 3 })
    await under().journal.append(usages.flatMap((usage, i) => called(`call-${i}`, { usage, costNanoUsd: i })))
    await reopen()
    for (const [i, usage] of usages.entries()) {
      const kept = await under().ledger.call(toCallId(`call-${i}`))
      expect(kept).toMatchObject({ id: `call-${i}`, admittedAt: AT, ending: 'done', status: 200, costNanoUsd: i, model: 'gpt-5' })
      expect(kept?.price).toMatchObject({ inputPico: 1_250_000 })
      expect(facetsOf(kept!.usage)).toEqual(facetsOf(usage))
    }
    expect(await under().ledger.call(toCallId('call-none'))).toBeUndefined()
    expect(await under().ledger.differences()).toEqual([])
  })

  test('price lines add up to the calls of their UTC day of admission, by caller and model, whatever model had a part in them', async () => {
    const { price } = held('call').hold.call
    const mini = {
      inputPico: 250_000,
      cachedInputPico: 25_000,
      cacheWritePico: 250_000,
      outputPico: 2_000_000,
      tiers: { batch: [1, 2] as const },
    }
    const midnight = Date.UTC(2026, 9, 25)
    const others = [
      { model: 'gpt-5-mini', counts: { input: { total: 11 }, output: { total: 3 } }, billing: { tier: 'batch' as const }, price: mini },
    ]
    const usage: Usage = {
      kind: 'estimated',
      counts: { input: { total: 100, cached: 40 }, output: { total: 7 } },
      others,
      why: 'a guess',
    }
    const cost = costNanoUsd(chargedCounts(usage.counts), price!) + costNanoUsd(chargedCounts(others[0]!.counts), mini, 'batch')
    const stated: Usage = { kind: 'reported', counts: { input: { total: 5 } }, billing: { costNanoUsd: 1234 } }
    await under().journal.append([
      ...called('call-1', { admittedAt: midnight - 1, endedAt: midnight + 5, usage, costNanoUsd: cost }),
      ...called('call-2', { admittedAt: midnight, endedAt: midnight + 5, usage: stated, costNanoUsd: 1234 }),
    ])
    const of = (rows: readonly PriceLineDay[]) =>
      rows
        .map(({ model, part, basis, tier, unitPico, share, quantity, costNanoUsd: own, calls, estimatedCalls }) => {
          return [model, part, basis, tier, unitPico, share, quantity, own, calls, estimatedCalls]
        })
        .toSorted((a, b) => (a.join(' ') < b.join(' ') ? -1 : 1))
    const first = await under().ledger.priceLines({ from: midnight - DAY_MS, to: midnight })
    expect(of(first)).toEqual([
      ['gpt-5', 'cached_input', 'price', '', 125_000, '', 40, 5000, 1, 1],
      ['gpt-5', 'input', 'price', '', 1_250_000, '', 60, 75_000, 1, 1],
      ['gpt-5', 'output', 'price', '', 10_000_000, '', 7, 70_000, 1, 1],
      ['gpt-5-mini', 'input', 'price', 'batch', 250_000, '1/2', 11, 1375, 1, 1],
      ['gpt-5-mini', 'output', 'price', 'batch', 2_000_000, '1/2', 3, 3000, 1, 1],
    ])
    expect(first.reduce((sum, line) => sum + line.costNanoUsd, 0)).toBe(cost)
    const second = await under().ledger.priceLines({ from: midnight, to: midnight + DAY_MS })
    expect(of(second)).toEqual([
      ['gpt-5', 'call', 'stated', '', 0, '', 1, 1234, 1, 0],
      ['gpt-5', 'input', 'stated', '', 1_250_000, '', 5, 0, 1, 0],
    ])
    expect(await under().ledger.differences()).toEqual([])
  })

  test('a report counts a call in the month, day and hour of its admission, also where it ends after midnight or a change of the clocks', async () => {
    // Berlin's clocks go back at 01:00 UTC on the 25th: two hours there are both from 2 to 3.
    const change = Date.UTC(2026, 9, 25, 1)
    const turn = Date.UTC(2026, 9, 31, 23)
    for (const [i, at] of [change - 1, change, turn - 1, turn].entries()) {
      await under().journal.append([...called(`call-${i}`, { admittedAt: at, endedAt: at + 2 * 3_600_000 })])
    }
    const starts = async (kind: 'hour' | 'day' | 'month', timezone: string) =>
      (await under().ledger.usage({ ...EVER, interval: { kind, timezone } })).map(({ startsAt, calls }) => [startsAt, calls])
    expect(await starts('hour', 'Europe/Berlin')).toEqual([
      [change - 3_600_000, 1],
      [change, 1],
      [turn - 3_600_000, 1],
      [turn, 1],
    ])
    expect(await starts('day', 'Europe/Berlin')).toEqual([
      [Date.UTC(2026, 9, 24, 22), 2],
      [Date.UTC(2026, 9, 30, 23), 1],
      [turn, 1],
    ])
    expect(await starts('month', 'Europe/Berlin')).toEqual([
      [Date.UTC(2026, 8, 30, 22), 3],
      [turn, 1],
    ])
    expect(await starts('month', 'UTC')).toEqual([[Date.UTC(2026, 9), 4]])
    expect(await under().ledger.differences()).toEqual([])
  })
}

const countsOf = (names: readonly string[]) =>
  fc.record(Object.fromEntries(names.map((name) => [name, fc.nat(1000)])), { requiredKeys: [] })
const anyCounts = fc.record(
  {
    input: countsOf(['total', 'cached', 'cacheWrite', 'cacheWriteHour', 'audio', 'cachedAudio', 'image', 'cachedImage']),
    output: countsOf(['total', 'reasoning', 'audio', 'image']),
    webSearches: fc.nat(9),
    audioSeconds: fc.nat(99),
    requests: fc.nat(9),
  },
  { requiredKeys: [] },
) as fc.Arbitrary<TokenCounts>
const billing = fc.record({ tier: fc.constantFrom('batch', 'flex', 'priority'), costNanoUsd: fc.nat(1e6) }, { requiredKeys: [] })
const optionally = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined })
const anyUsage: fc.Arbitrary<Usage> = fc.oneof(
  { weight: 1, arbitrary: fc.constant<Usage>({ kind: 'none' }) },
  {
    weight: 9,
    arbitrary: fc
      .record({
        counts: anyCounts,
        billing: optionally(billing),
        others: optionally(
          fc.array(fc.record({ model: fc.constantFrom('m1', 'm2'), counts: anyCounts, billing: optionally(billing) }), {
            minLength: 1,
            maxLength: 2,
          }),
        ),
        raw: optionally(fc.json()),
        why: optionally(fc.string()),
      })
      .map(({ why, ...used }): Usage => (why === undefined ? { kind: 'reported', ...used } : { kind: 'estimated', ...used, why })),
  },
)

/** All that a price needs, and what is known of it; a part that was not named and one of which there was nothing are the same. */
function facetsOf(usage: Usage) {
  if (usage.kind === 'none') return usage
  const { kind, counts, billing: own, others = [], raw } = usage
  const why = kind === 'estimated' ? usage.why : undefined
  const parts = others.map(({ model, counts: of, billing: its = {} }) => ({ model, charged: chargedCounts(of), billing: its }))
  return { kind, why, charged: chargedCounts(counts), billing: own ?? {}, parts, raw }
}

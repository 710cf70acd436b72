import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { costNanoUsd, type Price, type ServiceTier } from './price.ts'
import { INPUT_PARTS, LINE_PARTS, type LinesOfCall, OUTPUT_PARTS, priceLinesOf, shareOf, unitsAt } from './price-lines.ts'
import { chargedCounts, NO_TOKENS, type TokenCounts } from './usage.ts'

const count = fc.oneof(fc.nat(9), fc.nat(2_000_000))
const some = (names: readonly string[]) => fc.record(Object.fromEntries(names.map((name) => [name, count])), { requiredKeys: [] })
const tokens = fc
  .record(
    {
      input: some(['total', 'cached', 'cacheWrite', 'cacheWriteHour', 'audio', 'cachedAudio', 'image', 'cachedImage']),
      output: some(['total', 'reasoning', 'audio', 'image']),
      webSearches: count,
      audioSeconds: count,
      requests: fc.nat(50),
    },
    { requiredKeys: [] },
  )
  .map((counts) => chargedCounts(counts as TokenCounts))
const pico = fc.oneof(fc.constant(0), fc.nat(1000), fc.nat(600_000_000))
const OPTIONAL = [
  'cacheWriteHourPico', 'audioInputPico', 'cachedAudioInputPico', 'imageInputPico', 'cachedImageInputPico', 'audioOutputPico',
  'imageOutputPico', 'reasoningPico',
] as const // prettier-ignore
const basic = { inputPico: pico, cachedInputPico: pico, cacheWritePico: pico, outputPico: pico }
const rates = fc.record(
  { ...basic, ...Object.fromEntries(OPTIONAL.map((name) => [name, pico])) },
  {
    requiredKeys: ['inputPico', 'cachedInputPico', 'cacheWritePico', 'outputPico'],
  },
) as fc.Arbitrary<Price>
const fraction = fc.tuple(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 20 }))
const prices: fc.Arbitrary<Price> = fc
  .record({
    base: rates,
    longer: fc.uniqueArray(fc.record({ above: fc.integer({ min: 1, max: 2_000_000 }), rates }), {
      maxLength: 2,
      selector: (band) => band.above,
    }),
    tiers: fc.option(fc.record({ batch: fraction, priority: fraction }), { nil: undefined }),
    beside: fc.record({ requestPico: pico, webSearchPico: pico, audioSecondPico: pico }, { requiredKeys: [] }),
  })
  .map(({ base, longer, tiers, beside }) => ({
    ...base,
    ...beside,
    longer: longer.toSorted((a, b) => a.above - b.above),
    ...(tiers === undefined ? {} : { tiers }),
  }))
const tiers = fc.constantFrom<(ServiceTier | undefined)[]>(undefined, 'batch', 'flex', 'priority')

const sumOf = ({ lines }: LinesOfCall, parts: readonly string[], what: 'quantity' | 'costNanoUsd') =>
  lines.filter(({ part }) => parts.includes(part)).reduce((sum, line) => sum + line[what], 0)

const price: Price = { inputPico: 1_250_000, cachedInputPico: 125_000, cacheWritePico: 1_562_500, outputPico: 10_000_000 }

describe('the lines of a call', () => {
  test('cost together what the call costs, hold each of its tokens once, and each costs its quantity at its price within a nano-USD', () => {
    fc.assert(
      fc.property(tokens, prices, tiers, (used, at, tier) => {
        const cost = costNanoUsd(used, at, tier)
        const found = priceLinesOf({ tokens: used, price: at, tier, isStated: false, costNanoUsd: cost })
        expect(found.terms.basis).toBe('price')
        expect(sumOf(found, LINE_PARTS, 'costNanoUsd')).toBe(cost)
        expect(sumOf(found, INPUT_PARTS, 'quantity')).toBe(used.input.total)
        expect(sumOf(found, OUTPUT_PARTS, 'quantity')).toBe(used.output.total)
        const units = unitsAt(at, found.terms.above)
        for (const { part, quantity, costNanoUsd: own } of found.lines) {
          expect(quantity).toBeGreaterThan(0)
          const [numerator, denominator] = shareOf(at, tier, part) ?? [1, 1]
          const exact = (quantity * (units[LINE_PARTS.indexOf(part)] ?? 0) * numerator) / denominator / 1000
          expect(Math.abs(own - exact)).toBeLessThanOrEqual(1 + exact * Number.EPSILON * 8)
        }
      }),
      { numRuns: 3000 },
    )
  })

  test('cost together what it was charged, also where that is not what its parts cost: it stands in one line then', () => {
    fc.assert(
      fc.property(
        tokens,
        fc.option(prices, { nil: undefined }),
        tiers,
        fc.tuple(fc.boolean(), fc.nat(1e12)),
        (used, at, tier, [isStated, cost]) => {
          const found = priceLinesOf({ tokens: used, price: at, tier, isStated, costNanoUsd: cost })
          expect(sumOf(found, LINE_PARTS, 'costNanoUsd')).toBe(cost)
          expect(sumOf(found, INPUT_PARTS, 'quantity')).toBe(used.input.total)
          expect(sumOf(found, OUTPUT_PARTS, 'quantity')).toBe(used.output.total)
          if (found.terms.basis !== 'price' && cost > 0)
            expect(found.lines.at(-1)).toEqual({ part: 'call', quantity: 1, costNanoUsd: cost })
          if (isStated) expect(found.terms.basis).toBe('stated')
        },
      ),
    )
  })

  test('are as a bill would have them', () => {
    const used = chargedCounts({
      input: { total: 300_001, cached: 1000, cacheWrite: 500, cacheWriteHour: 200 },
      output: { total: 70, reasoning: 20 },
      webSearches: 2,
    })
    const at: Price = {
      ...price,
      cacheWriteHourPico: 2_500_000,
      webSearchPico: 10_000_000_000,
      tiers: { batch: [1, 2] },
      longer: [{ above: 200_000, rates: { ...price, inputPico: 2_500_000, cacheWriteHourPico: 5_000_000 } }],
    }
    const cost = costNanoUsd(used, at, 'batch')
    expect(priceLinesOf({ tokens: used, price: at, tier: 'batch', isStated: false, costNanoUsd: cost })).toEqual({
      terms: { basis: 'price', tier: 'batch', above: 200_000 },
      lines: [
        { part: 'input', quantity: 298_501, costNanoUsd: 373_126_250 },
        { part: 'cached_input', quantity: 1000, costNanoUsd: 62_500 },
        { part: 'cache_write', quantity: 300, costNanoUsd: 234_375 },
        { part: 'cache_write_hour', quantity: 200, costNanoUsd: 500_000 },
        { part: 'output', quantity: 50, costNanoUsd: 250_000 },
        { part: 'reasoning', quantity: 20, costNanoUsd: 100_000 },
        { part: 'web_search', quantity: 2, costNanoUsd: 20_000_000 },
      ],
    })
  })

  test('a call without a price has its quantities, and costs nothing; one that used nothing has no line', () => {
    const unpriced = { price: undefined, tier: undefined, isStated: false, costNanoUsd: 0 }
    expect(priceLinesOf({ tokens: chargedCounts({ input: { total: 5 } }), ...unpriced })).toEqual({
      terms: { basis: 'unpriced', tier: '', above: 0 },
      lines: [{ part: 'input', quantity: 5, costNanoUsd: 0 }],
    })
    expect(priceLinesOf({ tokens: NO_TOKENS, ...unpriced, price }).lines).toEqual([])
  })

  test('rounding is carried from line to line: three parts of a third of a nano-USD are one nano-USD', () => {
    const at: Price = { inputPico: 333, cachedInputPico: 333, cacheWritePico: 334, outputPico: 0 }
    const used = chargedCounts({ input: { total: 3, cached: 1, cacheWrite: 1 } })
    const { lines } = priceLinesOf({ tokens: used, price: at, tier: undefined, isStated: false, costNanoUsd: 1 })
    expect(lines.map(({ costNanoUsd: own }) => own)).toEqual([0, 1, 0])
  })
})

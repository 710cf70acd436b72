import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { amountFor, demandIn } from './bound.ts'
import { type ReportedCounts, tokenCounts } from './token-counts.ts'
import { chargedCounts, totalTokens } from './usage.ts'
import { weightedTokens, type Weights } from './weights.ts'

const count = fc.nat(1_000_000)
const tokens = fc
  .record({ input: count, cachedInput: count, cacheWrite: count, output: count, reasoning: count })
  .map((counts) => chargedCounts(tokenCounts(counts)))
const spent = (counts: ReportedCounts) => chargedCounts(tokenCounts(counts))
const weight = fc.nat(10_000)
const weights: fc.Arbitrary<Weights> = fc.record(
  { input: weight, cachedInput: weight, cacheWrite: weight, output: weight, reasoning: weight },
  { requiredKeys: [] },
)

describe('weights', () => {
  test('without any, a token is a token', () => {
    fc.assert(
      fc.property(tokens, (used) => {
        expect(weightedTokens(used, {})).toBe(totalTokens(used))
      }),
    )
  })

  test('a cached token that counts a tenth counts a tenth, and the others as they are', () => {
    const used = spent({ input: 1000, cachedInput: 800, output: 50 })
    expect(weightedTokens(used, { cachedInput: 100 })).toBe(200 + 80 + 50)
    expect(weightedTokens(spent({ input: 14, cachedInput: 14 }), { cachedInput: 100 })).toBe(1)
    expect(weightedTokens(spent({ input: 15, cachedInput: 15 }), { cachedInput: 100 })).toBe(2)
  })

  test('reasoning weighs as the output that it is a part of, unless it has a weight of its own', () => {
    const used = spent({ output: 100, reasoning: 60 })
    expect(weightedTokens(used, { output: 5000 })).toBe(500)
    expect(weightedTokens(used, { output: 5000, reasoning: 0 })).toBe(200)
  })

  test('a bound in weighted tokens bounds, whatever parts the tokens turn out to be', () => {
    fc.assert(
      fc.property(tokens, weights, (used, of) => {
        const bound = { input: used.input.total, outputMax: used.output.total, outputMin: 0, choices: 1 }
        const demand = demandIn({ unit: 'tokens', weights: of }, bound, undefined)
        expect(weightedTokens(used, of)).toBeLessThanOrEqual(amountFor(demand, used.output.total))
      }),
      { numRuns: 5000 },
    )
  })
})

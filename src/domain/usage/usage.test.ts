import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { chargeIn } from '../call.ts'
import { tokenCounts } from './token-counts.ts'
import { chargedTokens, NO_TOKENS, toCount, type TokenCounts, totalTokens } from './usage.ts'

const count = fc.oneof(fc.nat(10_000), fc.nat(100_000_000))
const counts: fc.Arbitrary<TokenCounts> = fc
  .record({ input: count, cachedInput: count, cacheWrite: count, output: count, reasoning: count }, { requiredKeys: [] })
  .map(tokenCounts)

describe('what is charged of what a provider reports', () => {
  test('a part that the provider did not name is 0', () => {
    expect(chargedTokens({ kind: 'reported', counts: { input: { total: 10 } } })).toEqual({
      ...NO_TOKENS,
      input: { ...NO_TOKENS.input, total: 10 },
      requests: 1,
    })
    expect(chargedTokens({ kind: 'reported', counts: {} })).toEqual({ ...NO_TOKENS, requests: 1 })
  })

  test('a part is never more than its whole', () => {
    const reported = { input: { total: 24, cached: 161, cacheWrite: 30 }, output: { total: 5, reasoning: 7 } }
    expect(chargedTokens({ kind: 'reported', counts: reported })).toEqual({
      ...NO_TOKENS,
      requests: 1,
      input: { ...NO_TOKENS.input, total: 24, cached: 24, cacheWrite: 24 },
      output: { ...NO_TOKENS.output, total: 5, reasoning: 5 },
    })
    expect(chargedTokens({ kind: 'reported', counts: { input: { cached: 5 }, output: { reasoning: 5 } } })).toEqual({
      ...NO_TOKENS,
      requests: 1,
    })
  })

  test('the wholes are charged as they were reported, and the total is their sum: no part counts twice', () => {
    fc.assert(
      fc.property(counts, (reported) => {
        const tokens = chargedTokens({ kind: 'reported', counts: reported })
        const { input, output } = tokens
        expect(input.total).toBe(reported.input?.total ?? 0)
        expect(output.total).toBe(reported.output?.total ?? 0)
        expect(totalTokens(tokens)).toBe(input.total + output.total)
        expect(input.cached).toBeLessThanOrEqual(input.total)
        expect(input.cacheWrite).toBeLessThanOrEqual(input.total)
        expect(output.reasoning).toBeLessThanOrEqual(output.total)
        expect(chargedTokens({ kind: 'estimated', counts: reported, why: 'x' })).toEqual(tokens)
      }),
    )
  })

  test('a call that used nothing is charged nothing in any unit, and is no request', () => {
    const tokens = chargedTokens({ kind: 'none' })
    expect(tokens).toEqual(NO_TOKENS)
    for (const unit of ['tokens', 'usd', 'requests'] as const) expect(chargeIn({ unit }, tokens, 0)).toBe(0)
  })

  test('a call that used something is charged its tokens, its cost, and one request, also where it was estimated', () => {
    for (const usage of [
      { kind: 'reported', counts: { input: { total: 3 }, output: { total: 4 } } },
      { kind: 'estimated', counts: { input: { total: 3 }, output: { total: 4 } }, why: 'cut off' },
    ] as const) {
      const tokens = chargedTokens(usage)
      expect(chargeIn({ unit: 'tokens' }, tokens, 99)).toBe(7)
      expect(chargeIn({ unit: 'usd' }, tokens, 99)).toBe(99)
      expect(chargeIn({ unit: 'requests' }, tokens, 99)).toBe(1)
    }
  })

  test('a reported use of zero tokens is a request', () => {
    expect(chargeIn({ unit: 'requests' }, chargedTokens({ kind: 'reported', counts: {} }), 0)).toBe(1)
  })

  test('a batch is as many requests as the provider counted', () => {
    expect(chargeIn({ unit: 'requests' }, chargedTokens({ kind: 'reported', counts: { input: { total: 9 }, requests: 40 } }), 0)).toBe(40)
  })
})

test.each([0, 28, Number('28.0'), 1e12])('%d is a count', (value) => {
  expect(toCount(value)).toBe(value)
})

test.each([[-1], [0.5], [Number.NaN], [Infinity], [1e12 + 1], [1e300], [2 ** 53], ['28'], [null], [undefined], [true], [[3]], [{}], [3n]])(
  '%o is no count, which is not the count 0',
  (value) => {
    expect(toCount(value)).toBeUndefined()
  },
)

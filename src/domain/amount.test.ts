import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { AMOUNT_MAX, formatAmount, isAmount, minus, plus } from './amount.ts'
import { Defect } from './defect.ts'

const amounts = fc.oneof(fc.integer({ min: 0, max: 1_000_000 }), fc.maxSafeNat(), fc.constant(AMOUNT_MAX))

test.each([0, 1, 123_456_789_012_345, AMOUNT_MAX])('%d is an amount', (value) => {
  expect(isAmount(value)).toBe(true)
})

test.each([-1, 0.5, Number.NaN, Infinity, -Infinity, AMOUNT_MAX + 1])('%d is no amount', (value) => {
  expect(isAmount(value)).toBe(false)
})

describe('sums are exact, or full', () => {
  test('a sum is the sum of the integers, or the largest amount where that is no amount', () => {
    fc.assert(
      fc.property(amounts, amounts, (a, b) => {
        const exact = BigInt(a) + BigInt(b)
        expect(BigInt(plus(a, b))).toBe(exact <= BigInt(AMOUNT_MAX) ? exact : BigInt(AMOUNT_MAX))
      }),
    )
  })

  test('whatever the order, the same amounts have the same sum', () => {
    fc.assert(
      fc.property(fc.array(amounts, { minLength: 1 }), (many) => {
        const sum = (of: readonly number[]) => of.reduce((a, b) => plus(a, b), 0)
        expect(sum(many.toReversed())).toBe(sum(many))
      }),
    )
  })

  test('no more is given back than was set aside', () => {
    fc.assert(
      fc.property(amounts, amounts, (a, b) => {
        expect(orDefect(() => minus(a, b))).toBe(b <= a ? BigInt(a) - BigInt(b) : 'defect')
      }),
    )
  })

  test('a fraction never gets into a sum', () => {
    expect(() => plus(1, 0.5)).toThrow(Defect)
    expect(() => minus(1, 0.5)).toThrow(Defect)
    expect(() => plus(1, Number.NaN)).toThrow(Defect)
  })

  test('a defect says what should have held', () => {
    expect(() => minus(1, 2)).toThrow('should hold: no more is given back than was set aside')
  })
})

function orDefect(run: () => number): bigint | 'defect' {
  try {
    return BigInt(run())
  } catch (error) {
    if (error instanceof Defect) return 'defect'
    throw error
  }
}

test.each([
  ['usd', 3_200_000_000, '3.20 USD'],
  ['usd', 1_234_567_800_000, '1,234.5678 USD'],
  ['usd', 0, '0.00 USD'],
  ['usd', 7_812_000, '0.007812 USD'],
  ['usd', 10_000_000, '0.01 USD'],
  ['usd', 999_999_999, '1.00 USD'],
  ['usd', 1, '0.000000001 USD'],
  ['tokens', 12_345, '12,345 tokens'],
  ['requests', 1, '1 requests'],
] as const)('%s of %d is read as %s', (unit, amount, text) => {
  expect(formatAmount(unit, amount)).toBe(text)
})

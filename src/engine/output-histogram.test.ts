import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { OutputHistogram } from './output-histogram.ts'

describe('a histogram of outputs', () => {
  test('knows nothing before the first', () => {
    expect(new OutputHistogram().quantile(0.95)).toBe(0)
  })

  test('gives a quantile that is never too small, and at most a fifth too large', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 2 ** 24 }), { minLength: 1, maxLength: 400 }),
        fc.double({ min: 0.01, max: 1, noNaN: true }),
        (outputs, share) => {
          const histogram = new OutputHistogram()
          for (const output of outputs) histogram.observe(output)
          const exact = outputs.toSorted((a, b) => a - b)[Math.ceil(share * outputs.length - 1e-9) - 1] ?? 0
          expect(histogram.quantile(share)).toBeGreaterThanOrEqual(exact)
          expect(histogram.quantile(share)).toBeLessThanOrEqual(Math.max(1, exact * 1.2 + 1))
        },
      ),
    )
  })

  test('follows a model whose answers become shorter', () => {
    const histogram = new OutputHistogram()
    for (let count = 0; count < 10_000; count++) histogram.observe(8000)
    for (let count = 0; count < 20_000; count++) histogram.observe(100)
    expect(histogram.quantile(0.95)).toBeLessThan(130)
  })
})

import { expect, test } from 'vitest'
import { trendOf } from './trend.ts'

test('a straight line is found as it is', () => {
  const { slope, margin } = trendOf([
    [0, 10],
    [10, 15],
    [20, 20],
    [30, 25],
  ])
  expect(slope).toBeCloseTo(0.5, 10)
  expect(margin).toBeCloseTo(0, 10)
})

test('the margin is that of the textbook', () => {
  // Anscombe's first set: slope 0.5001, standard error 0.1179, and 2.262 is the quantile at 9 degrees of freedom.
  const x = [10, 8, 13, 9, 11, 14, 6, 4, 12, 7, 5]
  const y = [8.04, 6.95, 7.58, 8.81, 8.33, 9.96, 7.24, 4.26, 10.84, 4.82, 5.68]
  const { slope, margin } = trendOf(x.map((value, i) => [value, y[i] ?? 0]))
  expect(slope).toBeCloseTo(0.5001, 4)
  expect(margin).toBeCloseTo(0.1179 * 2.262, 2)
})

test('two points, or all at one place, tell nothing', () => {
  const atOnePlace = [1, 2, 3].map((y) => [1, y] as const)
  expect(trendOf(atOnePlace)).toEqual({ slope: 0, margin: Infinity })
  expect(
    trendOf([
      [0, 0],
      [1, 1],
    ]).margin,
  ).toBe(Infinity)
})

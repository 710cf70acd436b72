import fc from 'fast-check'
import { expect, test } from 'vitest'
import { partsOf } from './span-parts.ts'
import { DAY, DAY_MS, HOUR, HOUR_MS, MONTH } from './utc-grain.ts'

const JULY = Date.UTC(2026, 6)
const GRAINS = [
  { name: 'month', ...MONTH },
  { name: 'day', ...DAY },
  { name: 'hour', ...HOUR },
]

function named(from: number, to: number, data = { from: 0, to: 1e15 }): readonly string[] {
  const text = (at: number) => new Date(at).toISOString().slice(5, 13)
  return [...partsOf(GRAINS, { from, to }, data)].map(
    ({ grain, sign, ...part }) => `${sign === 1 ? '+' : '-'} ${grain.name} ${text(part.from)} ${text(part.to)}`,
  )
}

test('a month is one row, wherever its zone lets it begin', () => {
  const august = Date.UTC(2026, 7)
  expect(named(JULY, august)).toEqual(['+ month 07-01T00 08-01T00'])
  const inNewYork = 4 * HOUR_MS
  expect(named(JULY + inNewYork, august + inNewYork)).toEqual([
    '+ month 07-01T00 08-01T00',
    '- hour 07-01T00 07-01T04',
    '+ hour 08-01T00 08-01T04',
  ])
})

test('a month up to now is one row: where there is nothing, nothing is taken off', () => {
  expect(named(JULY, JULY + 20 * DAY_MS, { from: 0, to: JULY + 19.5 * DAY_MS })).toEqual(['+ month 07-01T00 08-01T00'])
})

test('days are added up where a month would take more to mend', () => {
  expect(named(JULY + 9 * DAY_MS, JULY + 12 * DAY_MS)).toEqual(['+ day 07-10T00 07-13T00'])
})

test('the parts of any span add up to it, hour by hour', () => {
  const hour = (max: number) => fc.integer({ min: 0, max }).map((hours) => JULY + hours * HOUR_MS)
  const property = fc.property(hour(3000), hour(3000), hour(1500), hour(3000), (from, to, first, last) => {
    const data = { from: first, to: last }
    const count = new Map<number, number>()
    for (const part of partsOf(GRAINS, { from, to }, data)) {
      for (let at = part.from; at < part.to; at += HOUR_MS) count.set(at, (count.get(at) ?? 0) + part.sign)
    }
    for (let at = data.from; at < data.to; at += HOUR_MS) {
      expect(count.get(at) ?? 0, new Date(at).toISOString()).toBe(at >= from && at < to ? 1 : 0)
    }
  })
  fc.assert(property, { numRuns: 300 })
})

import { expect, test } from 'vitest'
import { ClockTrust } from './clock-trust.ts'

const DAY_MS = 86_400_000
const NOW = Date.UTC(2026, 10, 15)
const FAR = Date.UTC(2076, 10, 15)

function trustAt(lastKnown: number) {
  let monotonic = 0
  const clock = new ClockTrust(() => monotonic)
  const trust = { believes: (now: number) => clock.believes(now, lastKnown), warning: () => clock.warning() }
  return { trust, pass: (ms: number) => (monotonic += ms) }
}

test('a clock that goes on, stands, goes back or jumps by a year is believed', () => {
  const { trust } = trustAt(NOW)
  for (const now of [NOW, NOW + 1000, NOW + 366 * DAY_MS, NOW, NOW - 1000 * DAY_MS, NOW - 700 * DAY_MS])
    expect(trust.believes(now)).toBe(true)
  expect(trust.warning()).toBeUndefined()
})

test('a clock that jumps by half a century is not believed, says so, and is forgotten once it is back', () => {
  const { trust, pass } = trustAt(NOW)
  expect(trust.believes(FAR)).toBe(false)
  pass(3_600_000)
  expect(trust.believes(FAR + 3_600_000)).toBe(false)
  expect(trust.warning()).toContain('last believed: 2026-11-15T00:00:00.000Z')
  expect(trust.believes(NOW + 3_600_000)).toBe(true)
  expect(trust.warning()).toBeUndefined()
})

test('one that stays there for a day is right: Bursar was down for so long', () => {
  const { trust, pass } = trustAt(NOW)
  expect(trust.believes(FAR)).toBe(false)
  pass(DAY_MS)
  expect(trust.believes(FAR + DAY_MS)).toBe(true)
  expect(trust.believes(FAR + DAY_MS + 1000)).toBe(true)
})

import { expect, test } from 'vitest'
import { keeping } from './keep.ts'

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
const NOW = Date.UTC(2026, 10, 30)
const IN_2076 = Date.UTC(2076, 0, 1)

function keepUnderTest() {
  const dropped: number[] = []
  const at = { wall: NOW, elapsed: 0 }
  const tick = keeping({
    retention: { dropCallsBefore: async (instant) => dropped.push(instant) },
    clock: { now: () => at.wall },
    monotonic: () => at.elapsed,
    keepMs: 30 * DAY_MS,
  })
  /** That much time goes by, looked at every hour. */
  const pass = async (ms: number) => {
    for (let gone = 0; gone < ms; gone += HOUR_MS) {
      at.wall += HOUR_MS
      at.elapsed += HOUR_MS
      await tick()
    }
  }
  return { dropped, at, tick, pass }
}

test('old calls are dropped once an hour', async () => {
  const { dropped, tick, pass } = keepUnderTest()
  await tick()
  await tick()
  await pass(2 * HOUR_MS)
  expect(dropped).toEqual([NOW - 30 * DAY_MS, NOW + HOUR_MS - 30 * DAY_MS, NOW + 2 * HOUR_MS - 30 * DAY_MS])
})

test('a clock that says 2076 for some hours drops nothing of today, and old calls are dropped again a day after it is back', async () => {
  const { dropped, at, tick, pass } = keepUnderTest()
  await tick()
  at.wall = IN_2076
  await pass(20 * HOUR_MS)
  at.wall = NOW + 20 * HOUR_MS
  await pass(23 * HOUR_MS)
  expect(dropped).toHaveLength(1)
  await pass(2 * HOUR_MS)
  expect(dropped.length).toBeGreaterThan(1)
  expect(Math.max(...dropped)).toBeLessThan(NOW)
})

import { expect, test } from 'vitest'
import { StoryClock } from './story-clock.ts'

test('the clock goes on with the calls and not with the wall, and knows what it showed when something happened', () => {
  const clock = new StoryClock(0.5, 1000)
  clock.callEnded(1010)
  clock.callEnded(90_000)
  expect(clock.minutes()).toBe(1)
  expect([999, 1000, 1500, 90_000, 1e9].map((at) => clock.minutesAt(at))).toEqual([undefined, 0, 0.5, 1, 1])
})

import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { JITTER_SHARE, nextStep, readRetryAfter, RETRY_AFTER_MAX_MS, RETRY_DELAYS_MS } from './retry.ts'

const NOW = Date.UTC(2026, 10, 22, 10)
const failed = (attempts: number, changes: { isRetryable?: boolean; retryAfterMs?: number } = {}) => ({
  attempts,
  at: NOW,
  error: 'down',
  isRetryable: true,
  ...changes,
})

test('the waits are those that the reference promises', () => {
  const schedule = RETRY_DELAYS_MS.map((_, index) => nextStep(failed(index + 1), 0.5))
  const seconds = schedule.map((step) => (step.outcome === 'retry' ? (step.nextAt - NOW) / 1000 : step))
  expect(seconds).toEqual([5, 30, 120, 600, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400])
})

test('jitter stays within its share of every wait', () => {
  const attempts = fc.integer({ min: 1, max: RETRY_DELAYS_MS.length })
  fc.assert(
    fc.property(attempts, fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (attempts, random) => {
      const step = nextStep(failed(attempts), random)
      const base = RETRY_DELAYS_MS[attempts - 1]!
      if (step.outcome !== 'retry') throw new Error('a retry follows')
      expect(Math.abs(step.nextAt - NOW - base)).toBeLessThanOrEqual(base * JITTER_SHARE + 1)
    }),
  )
})

test('after the last wait the delivery is dead, and says how often it was tried', () => {
  expect(nextStep(failed(12), 0.5)).toEqual({ outcome: 'dead', error: 'gave up after 12 tries; the last: down' })
})

test('a permanent failure is dead at once', () => {
  expect(nextStep(failed(1, { isRetryable: false }), 0.5)).toEqual({ outcome: 'dead', error: 'down' })
})

test('the receiver may ask for a longer wait, not for a shorter one or for more than a day', () => {
  const nextAt = (retryAfterMs: number) => nextStep(failed(1, { retryAfterMs }), 0.5)
  expect(nextAt(60_000)).toMatchObject({ nextAt: NOW + 60_000 })
  expect(nextAt(1000)).toMatchObject({ nextAt: NOW + 5000 })
  expect(nextAt(9e12)).toMatchObject({ nextAt: NOW + RETRY_AFTER_MAX_MS })
})

test.each([
  ['120', 120_000],
  [' 0 ', 0],
  ['99999999999999999999', RETRY_AFTER_MAX_MS],
  ['Sun, 22 Nov 2026 10:00:30 GMT', 30_000],
  ['Sun, 22 Nov 2026 09:00:00 GMT', 0],
  ['soon', undefined],
  ['-5', undefined],
  ['2030', 2_030_000],
  ['not a date GMT', undefined],
  [undefined, undefined],
])('Retry-After %j is a wait of %j ms', (header, waitMs) => {
  expect(readRetryAfter(header, NOW)).toBe(waitMs)
})

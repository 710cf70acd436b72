import type { EpochMs } from '../domain/instant.ts'

const [SECOND, MINUTE, HOUR] = [1000, 60_000, 3_600_000]

/** The wait after the first, second, ... failed try: 11 retries in about 76 hours, the first ones quick. */
export const RETRY_DELAYS_MS: readonly number[] = [
  5 * SECOND,
  30 * SECOND,
  2 * MINUTE,
  10 * MINUTE,
  30 * MINUTE,
  2 * HOUR,
  5 * HOUR,
  10 * HOUR,
  14 * HOUR,
  20 * HOUR,
  24 * HOUR,
]

/** How far a wait may be from the schedule, so that many deliveries do not come back in one moment. */
export const JITTER_SHARE = 0.2

/** A receiver can't ask for more than this. */
export const RETRY_AFTER_MAX_MS = 24 * HOUR

/** A try that failed. */
export interface FailedTry {
  /** Tries so far, this one included; >= 1. */
  readonly attempts: number
  readonly at: EpochMs
  /** What went wrong, without secrets. */
  readonly error: string
  readonly isRetryable: boolean
  readonly retryAfterMs?: number | undefined
}

/** What follows from a failed try. `dead`: nothing further is tried, and `error` says why. */
export type NextStep =
  | { readonly outcome: 'retry'; readonly nextAt: EpochMs; readonly error: string }
  | { readonly outcome: 'dead'; readonly error: string }

/**
 * Decides what follows from a failed try: the schedule's next wait with jitter, or what the receiver asked for where that is
 * longer; none after a permanent failure or the last wait.
 * @param random in [0, 1)
 */
export function nextStep(failed: FailedTry, random: number): NextStep {
  if (!failed.isRetryable) return { outcome: 'dead', error: failed.error }
  const delayMs = RETRY_DELAYS_MS[failed.attempts - 1]
  if (delayMs === undefined) return { outcome: 'dead', error: `gave up after ${failed.attempts} tries; the last: ${failed.error}` }
  const jittered = Math.round(delayMs * (1 - JITTER_SHARE + 2 * JITTER_SHARE * random))
  const askedFor = Math.min(failed.retryAfterMs ?? 0, RETRY_AFTER_MAX_MS)
  return { outcome: 'retry', nextAt: failed.at + Math.max(jittered, askedFor), error: failed.error }
}

/**
 * The wait that a `Retry-After` header asks for: seconds or an HTTP date (RFC 9110, 10.2.3).
 * @returns milliseconds >= 0, at most {@link RETRY_AFTER_MAX_MS}; undefined where there is none or it can't be read
 */
export function readRetryAfter(header: string | undefined, now: EpochMs): number | undefined {
  const text = header?.trim() ?? ''
  const waitMs = /^\d+$/.test(text) ? Number(text) * SECOND : text.endsWith(' GMT') ? Date.parse(text) - now : Number.NaN
  return Number.isNaN(waitMs) ? undefined : Math.min(Math.max(waitMs, 0), RETRY_AFTER_MAX_MS)
}

import type { Clock, Retention } from './ports.ts'

export interface KeepDeps {
  readonly retention: Retention
  readonly clock: Pick<Clock, 'now'>
  /** Milliseconds of a clock that is never set. */
  readonly monotonic: () => number
  readonly keepMs: number
}

const HOUR_MS = 3_600_000
const DAY_MS = 86_400_000
/** A clock that goes so much faster or slower than the one that is never set was set. */
const SET_BY_MS = HOUR_MS

/**
 * Drops what is older than it is to be kept, once an hour; meant to run every second. A clock that was set says nothing of how old
 * calls are: for a day after it nothing is dropped, so that a fault of a time server that is mended by then takes no call along.
 */
export function keeping({ retention, clock, monotonic, keepMs }: KeepDeps): () => Promise<void> {
  let nextAt = -Infinity
  let offset = clock.now() - monotonic()
  return async () => {
    const [now, elapsed] = [clock.now(), monotonic()]
    const isSet = Math.abs(now - elapsed - offset) > SET_BY_MS
    offset = now - elapsed
    if (isSet) nextAt = elapsed + DAY_MS
    if (elapsed < nextAt) return
    nextAt = elapsed + HOUR_MS
    await retention.dropCallsBefore(now - keepMs)
  }
}

import type { EpochMs } from '../../domain/instant.ts'

/** The spans of time for which a rollup has rows. They tile time, in UTC. */
export interface UtcGrain {
  /** The start of the span in which the instant lies. */
  readonly floor: (at: EpochMs) => EpochMs
  /** The start of the first span that does not begin before the instant. */
  readonly ceil: (at: EpochMs) => EpochMs
}

export const HOUR_MS = 3_600_000
export const DAY_MS = 24 * HOUR_MS

export const HOUR: UtcGrain = fixed(HOUR_MS)
export const DAY: UtcGrain = fixed(DAY_MS)
export const MONTH: UtcGrain = {
  floor: (at) => monthOf(at),
  ceil: (at) => (monthOf(at) === at ? at : monthAfter(at)),
}

function fixed(ms: number): UtcGrain {
  return { floor: (at) => Math.floor(at / ms) * ms, ceil: (at) => Math.ceil(at / ms) * ms }
}

/** The start of the UTC month. */
export function monthOf(at: EpochMs): EpochMs {
  const date = new Date(at)
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth())
}

/** The start of the UTC month after the one in which the instant lies. */
export function monthAfter(at: EpochMs): EpochMs {
  const date = new Date(at)
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1)
}

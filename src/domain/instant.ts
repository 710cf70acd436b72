/** Milliseconds since 1970-01-01T00:00:00Z. */
export type EpochMs = number

/** The end of a period that never ends: the last instant that a `Date` can hold. */
export const END_OF_TIME: EpochMs = 8_640_000_000_000_000

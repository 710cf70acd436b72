import type { EpochMs } from '../domain/instant.ts'

const DAY_MS = 86_400_000
/** No period is longer than a year; a clock that is further ahead at once was set wrong, or Bursar was down for so long. */
const JUMP_MAX_MS = 400 * DAY_MS
/** How long such a clock has to stay before it is believed. */
const DOUBT_MS = DAY_MS

/**
 * Whether the clock is to be believed in what can't be taken back: closes are for good, so those of half a century to come, made within
 * a second of a wrong clock, would leave every budget without a period until then.
 */
export class ClockTrust {
  readonly #monotonic: () => number
  #last: EpochMs | undefined
  #doubtedSince: number | undefined

  /** @param monotonic milliseconds that only go forward, whatever the clock does */
  constructor(monotonic: () => number) {
    this.#monotonic = monotonic
  }

  /**
   * True where that instant may be acted on for good; to be asked about every second.
   * @param lastKnown what the clock certainly was once, for the first time that it is asked
   */
  believes(now: EpochMs, lastKnown: EpochMs): boolean {
    this.#last ??= lastKnown
    if (now - this.#last > JUMP_MAX_MS) {
      this.#doubtedSince ??= this.#monotonic()
      if (this.#monotonic() - this.#doubtedSince < DOUBT_MS) return false
    }
    this.#last = now
    this.#doubtedSince = undefined
    return true
  }

  /** What an operator should hear of; undefined: nothing. */
  warning(): string | undefined {
    if (this.#doubtedSince === undefined || this.#last === undefined) return undefined
    return `the clock went ahead by more than a year at once, so no period is closed before it has stayed so for a day: set the clock right (last believed: ${new Date(this.#last).toISOString()})`
  }
}

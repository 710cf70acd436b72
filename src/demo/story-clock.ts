/** What the clock of the wall showed when a call of the loop ended. */
interface Mark {
  readonly at: number
  readonly minutes: number
}

/**
 * The night's own clock. It goes on with the loop's calls, so that the story has the same hours on a slow machine as on a fast one.
 */
export class StoryClock {
  readonly #minutesPerCall: number
  readonly #marks: Mark[]

  /** @param now milliseconds since 1970 */
  constructor(minutesPerCall: number, now: number) {
    this.#minutesPerCall = minutesPerCall
    this.#marks = [{ at: now, minutes: 0 }]
  }

  /** A call of the loop ended. */
  callEnded(now: number): void {
    this.#marks.push({ at: now, minutes: this.minutes() + this.#minutesPerCall })
  }

  /** Minutes of the night that have passed. */
  minutes(): number {
    return this.#marks.at(-1)?.minutes ?? 0
  }

  /** Minutes of the night that had passed at that instant; undefined before it began. */
  minutesAt(at: number): number | undefined {
    return this.#marks.findLast((mark) => mark.at <= at)?.minutes
  }
}

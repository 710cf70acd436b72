interface Sighting {
  readonly as: string
  readonly since: number
}

/**
 * For how long this process has seen things unchanged. The store's clock may be set forward at any time, and then whatever
 * carries an instant seems to be over: what its owner can still renew is over only once it was also seen unchanged for as
 * long by this machine's monotonic time.
 */
export class Sightings {
  readonly #monotonic: () => number
  #seen = new Map<string, Sighting>()
  #before: ReadonlyMap<string, Sighting> = new Map()

  /** @param monotonic milliseconds that never jump */
  constructor(monotonic: () => number) {
    this.#monotonic = monotonic
  }

  /** Milliseconds for which it has been seen so; 0 the first time. */
  see(what: string, as: string): number {
    const now = this.#monotonic()
    const known = this.#seen.get(what) ?? this.#before.get(what)
    const sighting = known?.as === as ? known : { as, since: now }
    this.#seen.set(what, sighting)
    return now - sighting.since
  }

  /** All that is there was seen: what was not is forgotten. */
  forgetOthers(): void {
    this.#before = this.#seen
    this.#seen = new Map()
  }
}

/** Who sent wrong tokens lately, from one address. */
interface Failures {
  count: number
  lastAt: number
}

/** Of more, the one that failed longest ago is forgotten. */
const ADDRESSES_MAX = 1000
/** A person mistypes a token a few times. */
const UNDELAYED = 3
const DELAY_FIRST_MS = 250
const DELAY_MAX_MS = 4000
/** Answers that wait at the same time, of all addresses; beyond it they are not delayed, since each keeps a connection. */
const WAITING_MAX = 200
const FORGET_MS = 900_000

/**
 * Slows down callers who try admin tokens, and says so in the log. Only refusals wait: the right token is let in at once from every
 * address, so that nobody who shares a proxy with somebody who guesses is locked out.
 */
export class FailedTokens {
  readonly #log: (message: string) => void
  readonly #failures = new Map<string, Failures>()
  #waiting = 0

  constructor(log: (message: string) => void) {
    this.#log = log
  }

  /** Takes a failure down. @returns how long its answer is to wait, in milliseconds */
  failed(address: string, now: number): number {
    const known = this.#failures.get(address)
    const failures = known === undefined || now - known.lastAt > FORGET_MS ? { count: 0, lastAt: now } : known
    failures.count++
    failures.lastAt = now
    this.#keep(address, failures)
    if (isTold(failures.count)) this.#log(`${failures.count} wrong admin tokens from ${address}`)
    if (failures.count <= UNDELAYED || this.#waiting >= WAITING_MAX) return 0
    return Math.min(DELAY_MAX_MS, DELAY_FIRST_MS * 2 ** Math.min(10, failures.count - UNDELAYED - 1))
  }

  /** Waits before a refusal is answered. @param after runs something once, later */
  async wait(delayMs: number, after: (delayMs: number, run: () => void) => unknown): Promise<void> {
    if (delayMs === 0) return
    this.#waiting++
    await new Promise<void>((resolve) => {
      after(delayMs, resolve)
    })
    this.#waiting--
  }

  #keep(address: string, failures: Failures): void {
    this.#failures.delete(address)
    if (this.#failures.size >= ADDRESSES_MAX) for (const oldest of this.#failures.keys().take(1)) this.#failures.delete(oldest)
    this.#failures.set(address, failures)
  }
}

/** The first, the third, and then each time that there are ten times as many. */
function isTold(count: number): boolean {
  return count === 1 || count === UNDELAYED || /^10+$/.test(String(count))
}

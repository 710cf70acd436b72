import type { Clock } from './ports.ts'

/**
 * Calls that wait for other calls' holds to come free, first come, first served. A settlement in this process lets them try
 * again at once; the pause lets them see what other processes settled.
 */
export class WaitingLine {
  readonly #clock: Clock
  readonly #wakers = new Set<() => void>()
  #isWaking = false

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Resolves when a try may succeed, at the latest after `waitMs`. */
  async pause(waitMs: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const wake = () => {
        cancel()
        this.#wakers.delete(wake)
        resolve()
      }
      const cancel = this.#clock.after(Math.max(0, Math.min(waitMs, PAUSE_MS)), wake)
      this.#wakers.add(wake)
    })
  }

  /** Room came free. Settlements of one turn wake the line once. */
  wake(): void {
    if (this.#wakers.size === 0 || this.#isWaking) return
    this.#isWaking = true
    queueMicrotask(() => {
      this.#isWaking = false
      for (const wake of this.#wakers) wake()
    })
  }
}

const PAUSE_MS = 100

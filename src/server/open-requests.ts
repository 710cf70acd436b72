import type { Handler } from '../http/listener.ts'

const ASKED_WITHIN_MS = 1000

/** Counts the requests that are not answered to their end yet. */
export class OpenRequests {
  #count = 0
  #heard: (() => void) | undefined
  #lastAt = -Infinity

  /** The handler, with its requests counted until their answer is sent or its connection is gone. */
  counted(handle: Handler): Handler {
    return (request, response) => {
      this.#count++
      this.#lastAt = performance.now()
      response.once('close', () => {
        this.#count--
        if (this.#count === 0) this.#heard?.()
      })
      return handle(request, response)
    }
  }

  /** True where a request came within the last second. */
  isAsked(): boolean {
    return performance.now() - this.#lastAt < ASKED_WITHIN_MS
  }

  /** Resolves when no request is open, at the latest after that time; true where none is. */
  async areEnded(withinMs: number): Promise<boolean> {
    if (this.#count === 0) return true
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#heard = resolve
    const deadline = setTimeout(resolve, withinMs)
    await promise
    clearTimeout(deadline)
    this.#heard = undefined
    return this.#count === 0
  }
}

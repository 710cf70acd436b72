import type { Handler } from '../http/listener.ts'

/** Counts the requests that are not answered to their end yet. */
export class OpenRequests {
  #count = 0
  #heard: (() => void) | undefined

  /** The handler, with its requests counted until their answer is sent or its connection is gone. */
  counted(handle: Handler): Handler {
    return (request, response) => {
      this.#count++
      response.once('close', () => {
        this.#count--
        if (this.#count === 0) this.#heard?.()
      })
      return handle(request, response)
    }
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

import type { ServerResponse } from 'node:http'
import type { HeaderList } from '../http/header-names.ts'

/** A body of fewer bytes goes out at once: node:http sends it with the head as one string in one write. */
const ONE_WRITE_BYTES_MAX = 16 * 1024

export interface ClientEvents {
  /** The client takes no more: it hung up, or its connection broke. Also where the answer went to its end. */
  readonly closed: () => void
  /** What was written has gone out, after a write that said it had not. */
  readonly drained: () => void
}

/**
 * The client's side of an answer. A client that takes nothing of what is written for `stallMs` is given up: its connection is
 * closed, so that what waits for it does not wait for ever.
 */
export class ClientSide {
  readonly #response: ServerResponse
  readonly #events: ClientEvents
  readonly #stallMs: number
  #isWaiting = false
  #isWatched = false

  constructor(response: ServerResponse, stallMs: number, events: ClientEvents) {
    this.#response = response
    this.#stallMs = stallMs
    this.#events = events
    response.on('close', events.closed)
    response.on('error', () => response.destroy())
  }

  /** Sends the head; the first bytes mostly come in the same turn and take it with them, else it goes alone. */
  begin(status: number, headers: HeaderList): void {
    const response = this.#response
    if (response.destroyed) return
    response.writeHead(status, headers)
    setImmediate(() => {
      if (!response.writableEnded && !response.destroyed) response.flushHeaders()
    })
  }

  /** @returns false where the next bytes have to wait for `drained` */
  write(bytes: Buffer): boolean {
    if (bytes.length === 0 || this.#response.destroyed || this.#response.write(bytes)) return true
    if (this.#isWaiting) return false
    this.#isWaiting = true
    this.#watch()
    this.#response.once('drain', () => {
      this.#isWaiting = false
      this.#response.setTimeout(0)
      this.#events.drained()
    })
    return false
  }

  /** Ends a stream. */
  end(tail: Buffer): void {
    if (tail.length > 0) this.#response.end(tail)
    else this.#response.end()
    this.#watchEnd()
  }

  /** Sends a whole answer. */
  send(status: number, headers: HeaderList, body: Buffer): void {
    this.#response.writeHead(status, headers)
    if (body.length <= ONE_WRITE_BYTES_MAX) this.#response.end(body.toString('latin1'), 'latin1')
    else this.#response.end(body)
    this.#watchEnd()
  }

  /** The client sees the answer break off, after all bytes that came. */
  breakOff(tail: Buffer): void {
    const end = () => this.#response.socket?.destroySoon()
    if (!this.#response.headersSent) this.#response.destroy()
    else if (tail.length > 0) this.#response.write(tail, end)
    else end()
    this.#watchEnd()
  }

  /** What is left to send goes out while the call is settled already; it may not stay for ever either. */
  #watchEnd(): void {
    if (this.#response.writableLength > ONE_WRITE_BYTES_MAX) this.#watch()
  }

  /** A socket's timeout knows of progress that no event tells: a part of a write that the client has taken. */
  #watch(): void {
    if (!this.#isWatched) this.#response.on('timeout', () => this.#response.destroy())
    this.#isWatched = true
    this.#response.setTimeout(this.#stallMs)
  }
}

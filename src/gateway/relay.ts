import type { IncomingHttpHeaders, ServerResponse } from 'node:http'
import type { Transform } from 'node:stream'
import { type Dispatcher, errors } from 'undici'
import { type Headers, headersToClient } from '../http/header-names.ts'
import type { AnswerReading, AnswerStream, Stoppable } from '../providers/provider.ts'
import { createDecoder, decodeWhole } from './decode.ts'
import type { CallEnd } from './ending.ts'
import type { OutputGuard } from './output-guard.ts'

/** How an answer is read while it passes. */
export interface AnswerReader {
  readonly isStream: boolean
  /** True where a stream may have a JSON content type. */
  readonly hasJsonStreams: boolean
  /** True where the relayed bytes may be fewer than the provider's. */
  readonly hidesUsageChunk: boolean
  readonly whole: (status: number, body: Buffer, headers: IncomingHttpHeaders) => AnswerReading
  readonly stream: (headers: IncomingHttpHeaders) => AnswerStream
  /** What ends a stream that no budget has room for; absent: nothing does. */
  readonly guard?: OutputGuard | undefined
}

/** What is still to be sent once the call is settled: the end of a stream, or a whole answer. */
export interface Relayed {
  readonly end: CallEnd
  readonly finish: () => void
}

const NOTHING_READ: AnswerReading = { isComplete: false, produced: '', producedBeyond: 0, isError: false }

/** Beyond this an answer that is not a stream is passed through as it comes, and its usage is estimated. */
const WHOLE_BYTES_MAX = 64 * 1024 * 1024

const NO_BYTES = Buffer.alloc(0)

/** A guarded stream is looked at in pieces of so many bytes: less than the tokens that its guard keeps in reserve, even if each has four. */
const PIECE_BYTES = 128

/** Up to here node:http sends head and body as one string in one write, where a buffer takes the longer way of a vectored one. */
const ONE_WRITE_BYTES_MAX = 16 * 1024

/**
 * Relays one answer of a provider to the client: a stream byte for byte as it comes, with backpressure; any other answer in
 * one write after its call is settled. Hop-by-hop headers are dropped. The client hanging up cancels the provider's work.
 * It never ends the client's answer itself: `relayed` resolves first, so that the call is settled before its last byte goes.
 */
export class Relay implements Dispatcher.DispatchHandler {
  readonly relayed: Promise<Relayed>
  readonly #response: ServerResponse
  readonly #reader: AnswerReader
  /** Bursar's own headers of the answer. */
  readonly #extraHeaders: () => Headers
  #resolve: (relayed: Relayed) => void = () => undefined
  #controller: Dispatcher.DispatchController | undefined
  #status = 0
  #headers: IncomingHttpHeaders = {}
  #body: Buffer[] = []
  #bodyBytes = 0
  #stream: AnswerStream | undefined
  #decoder: Transform | undefined
  /** Of a guarded stream: what came and was not looked at yet. */
  #backlog: Buffer[] = []
  #isPumping = false
  /** What the provider had sent before it was paused still comes. */
  #isWaitingForClient = false
  #hasAllCome = false
  #isOver = false

  constructor(response: ServerResponse, reader: AnswerReader, extraHeaders: () => Headers) {
    this.#response = response
    this.#reader = reader
    this.#extraHeaders = extraHeaders
    this.relayed = new Promise((resolve) => {
      this.#resolve = resolve
    })
    response.on('close', () => this.#clientGone())
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    if (this.#isOver) controller.abort(new Error('the client is gone'))
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number, headers: IncomingHttpHeaders): void {
    if (status < 200) return
    this.#controller = controller
    this.#status = status
    this.#headers = headers
    if (this.#isStreamed()) this.#startStream()
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#stream !== undefined) return this.#relayChunk(chunk)
    this.#body.push(chunk)
    this.#bodyBytes += chunk.length
    if (this.#bodyBytes > WHOLE_BYTES_MAX) this.#turnIntoStream()
  }

  onResponseEnd(): void {
    if (this.#stream === undefined) return this.#endWhole()
    this.#hasAllCome = true
    if (this.#backlog.length > 0) return
    if (this.#decoder === undefined) return this.#endStream()
    this.#decoder.once('close', () => this.#endStream())
    this.#decoder.end()
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    const isTimeout = error instanceof errors.HeadersTimeoutError || error instanceof errors.BodyTimeoutError
    if (this.#status === 0) this.#over({ kind: 'no_answer', isTimeout, reason: reasonOf(error) }, () => undefined)
    else this.#cut(isTimeout)
  }

  /** Nothing was sent. */
  fail(error: unknown): void {
    const reason = error instanceof Error ? error.message : 'its credentials are not to be had'
    this.#over({ kind: 'no_answer', isTimeout: false, reason }, () => undefined)
  }

  #isStreamed(): boolean {
    const type = this.#headers['content-type'] ?? ''
    if (type.includes('event-stream') || type.includes('eventstream')) return true
    return this.#reader.isStream && this.#status < 400 && (this.#reader.hasJsonStreams || !type.includes('json'))
  }

  #startStream(): void {
    this.#stream = this.#reader.stream(this.#headers)
    const encoding = encodingOf(this.#headers)
    this.#decoder = createDecoder(encoding)
    this.#decoder?.on('data', (chunk: Buffer) => this.#relayDecoded(chunk))
    // A broken encoding can't be read further; the client still gets the provider's bytes where none are hidden.
    this.#decoder?.on('error', () => undefined)
    const isDecoded = this.#decoder !== undefined
    const isUntrue = (name: string) => name === 'content-length' || (name === 'content-encoding' && isDecoded)
    const headers = headersToClient(this.#headers, this.#extraHeaders(), this.#reader.hidesUsageChunk ? isUntrue : undefined)
    this.#response.writeHead(this.#status, headers)
    // The first bytes mostly come in the same turn and take the head with them; else it goes alone.
    setImmediate(() => {
      if (!this.#response.writableEnded && !this.#response.destroyed) this.#response.flushHeaders()
    })
  }

  #relayChunk(chunk: Buffer): void {
    if (this.#reader.guard !== undefined && this.#stream?.stoppable !== undefined) {
      this.#backlog.push(chunk)
      return void this.#pump(this.#reader.guard, this.#stream.stoppable)
    }
    if (this.#decoder === undefined) return this.#write(this.#stream?.push(chunk) ?? NO_BYTES)
    this.#decoder.write(chunk)
    if (!this.#reader.hidesUsageChunk) this.#write(chunk)
  }

  #relayDecoded(chunk: Buffer): void {
    const visible = this.#stream?.push(chunk) ?? NO_BYTES
    if (this.#reader.hidesUsageChunk) this.#write(visible)
  }

  /** Relays what came in small pieces, so that the answer can be ended in the middle of what the provider sent at once. */
  async #pump(guard: OutputGuard, { fresh, stop }: Stoppable): Promise<void> {
    if (this.#isPumping) return
    this.#isPumping = true
    while (this.#backlog.length > 0 && !this.#isOver) {
      if (guard.state() === 'stop') return this.#stop(stop())
      if (guard.state() === 'wait') await this.#waitFor(guard)
      else {
        this.#write(this.#stream?.push(this.#nextPiece()) ?? NO_BYTES)
        guard.take(fresh())
      }
    }
    this.#isPumping = false
    if (this.#hasAllCome) this.#endStream()
  }

  async #waitFor(guard: OutputGuard): Promise<void> {
    this.#controller?.pause()
    await guard.decided()
    this.#controller?.resume()
  }

  #nextPiece(): Buffer {
    const [first = NO_BYTES] = this.#backlog
    if (first.length > PIECE_BYTES) this.#backlog[0] = first.subarray(PIECE_BYTES)
    else this.#backlog.shift()
    return first.subarray(0, PIECE_BYTES)
  }

  #stop(closing: Buffer): void {
    this.#backlog = []
    this.#over({ kind: 'stopped', status: this.#status, reading: this.#reading() }, () => this.#response.end(closing))
    this.#controller?.abort(new Error('no budget has room for more of the answer'))
  }

  #write(bytes: Buffer): void {
    if (bytes.length === 0 || this.#isOver || this.#response.write(bytes) || this.#isWaitingForClient) return
    this.#isWaitingForClient = true
    this.#controller?.pause()
    this.#response.once('drain', () => {
      this.#isWaitingForClient = false
      this.#controller?.resume()
    })
  }

  #turnIntoStream(): void {
    const chunks = this.#body
    this.#body = []
    this.#startStream()
    for (const chunk of chunks) this.#relayChunk(chunk)
  }

  #endStream(): void {
    const tail = this.#stream?.end() ?? NO_BYTES
    const isRelayedDecoded = this.#decoder === undefined || this.#reader.hidesUsageChunk
    this.#over({ kind: 'answered', status: this.#status, reading: this.#reading() }, () =>
      isRelayedDecoded && tail.length > 0 ? this.#response.end(tail) : this.#response.end(),
    )
  }

  #endWhole(): void {
    const body = this.#wholeBody()
    const reading = this.#reader.whole(this.#status, decodeWhole(body, encodingOf(this.#headers)), this.#headers)
    this.#over({ kind: 'answered', status: this.#status, reading }, () => {
      const own = this.#extraHeaders()
      if (this.#status !== 204 && this.#status !== 304) own['content-length'] = String(body.length)
      this.#response.writeHead(this.#status, headersToClient(this.#headers, own))
      if (body.length <= ONE_WRITE_BYTES_MAX) this.#response.end(body.toString('latin1'), 'latin1')
      else this.#response.end(body)
    })
  }

  /** The client sees the answer break off where it did, after all bytes that came. */
  #cut(isTimeout: boolean): void {
    const tail = this.#stream?.end() ?? NO_BYTES
    this.#over({ kind: 'cut', status: this.#status, reading: this.#reading(), isTimeout }, () => {
      if (this.#stream === undefined) {
        this.#response.destroy()
        return
      }
      const breakOff = () => this.#response.socket?.destroySoon()
      if (tail.length > 0) this.#response.write(tail, breakOff)
      else breakOff()
    })
  }

  #wholeBody(): Buffer {
    return this.#body.length === 1 && this.#body[0] !== undefined ? this.#body[0] : Buffer.concat(this.#body)
  }

  #reading(): AnswerReading {
    return this.#stream?.reading() ?? NOTHING_READ
  }

  #clientGone(): void {
    if (this.#isOver) return
    const end: CallEnd =
      this.#status === 0 ? { kind: 'client_gone' } : { kind: 'client_gone', status: this.#status, reading: this.#reading() }
    this.#over(end, () => undefined)
    this.#controller?.abort(new Error('the client is gone'))
  }

  #over(end: CallEnd, finish: () => void): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#resolve({ end, finish })
  }
}

function encodingOf(headers: IncomingHttpHeaders): string {
  return (headers['content-encoding'] ?? '').trim().toLowerCase()
}

/** An error's code, without addresses or bytes of the call. */
function reasonOf(error: Error): string {
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name
}

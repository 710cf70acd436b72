import type { IncomingHttpHeaders, ServerResponse } from 'node:http'
import { type Dispatcher, errors } from 'undici'
import { type Headers, headersToClient } from '../http/header-names.ts'
import { type AnswerReading, type AnswerStream, beginningOf, type Stoppable } from '../providers/provider.ts'
import { type AnswerReader, headerOf, isStreamed, passThrough, readWholeAnswer } from './answer-reader.ts'
import { ClientSide } from './client-side.ts'
import type { Deadlines } from './deadlines.ts'
import { createDecoder, type Decoder, isPlain, RATIO_BYTES_MIN, RATIO_MAX } from './decode.ts'
import type { CallEnd } from './ending.ts'
import type { OutputGuard } from './output-guard.ts'

/** What is still to be sent once the call is settled: the end of a stream, or a whole answer. */
export interface Relayed {
  readonly end: CallEnd
  readonly finish: () => void
}

export interface RelayOptions {
  readonly reader: AnswerReader
  /** Bursar's own headers of the answer. */
  readonly extraHeaders: () => Headers
  readonly deadlines: Deadlines
  /** Aborted where the process can wait for no answer any more. */
  readonly closing?: AbortSignal | undefined
}

/** Beyond this an answer that is not a stream is passed through as it comes, unread. */
const WHOLE_BYTES_MAX = 64 * 1024 * 1024

/** An answer whose caller hung up is read on for so many bytes. */
const READ_ON_BYTES_MAX = 64 * 1024 * 1024

const NO_BYTES = Buffer.alloc(0)

/** A guarded stream is looked at in pieces of so many bytes: less than the tokens that its guard keeps in reserve, even if each has four. */
const PIECE_BYTES = 128

/** For what an answer has to wait. */
const CLIENT = 1
const GUARD = 2

/**
 * Relays one answer of a provider to the client: a stream byte for byte as it comes, with backpressure; any other answer in
 * one write after its call is settled. Hop-by-hop headers are dropped. Where the client hangs up, the provider's work is
 * cancelled, or read on for what it says of its use. It never ends the client's answer itself: `relayed` resolves first, so that
 * the call is settled before its last byte goes. Whatever fails in here, `relayed` resolves.
 */
export class Relay implements Dispatcher.DispatchHandler {
  readonly relayed: Promise<Relayed>
  readonly #client: ClientSide
  readonly #reader: AnswerReader
  readonly #extraHeaders: () => Headers
  readonly #deadlines: Deadlines
  readonly #closing: AbortSignal | undefined
  readonly #timer: NodeJS.Timeout
  #readOnTimer: NodeJS.Timeout | undefined
  #resolve: (relayed: Relayed) => void = () => undefined
  #controller: Dispatcher.DispatchController | undefined
  #status = 0
  #headers: IncomingHttpHeaders = {}
  /** True where the call asked for a stream, and what comes is not called one: its first byte decides. */
  #isUndecided = false
  #body: Buffer[] = []
  #bodyBytes = 0
  #stream: AnswerStream | undefined
  #decoder: Decoder | undefined
  #decodedBytes = 0
  /** Of a guarded stream: what came and was not looked at yet. */
  #backlog: Buffer[] = []
  /** What has to happen before more is taken; what the provider had sent before it was paused still comes. */
  #waitsFor = 0
  #hasAllCome = false
  #isClientGone = false
  #isOver = false

  constructor(response: ServerResponse, { reader, extraHeaders, deadlines, closing }: RelayOptions) {
    this.#reader = reader
    this.#extraHeaders = extraHeaders
    this.#deadlines = deadlines
    this.#closing = closing
    this.relayed = new Promise((resolve) => {
      this.#resolve = resolve
    })
    this.#timer = setTimeout(() => this.#safely(() => this.#late()), deadlines.answerMs)
    this.#client = new ClientSide(response, deadlines.stallMs, {
      closed: () => this.#safely(() => this.#clientGone()),
      drained: () => this.#safely(() => this.#proceed(CLIENT)),
    })
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    if (this.#isOver) controller.abort(new Error('the client is gone'))
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number, headers: IncomingHttpHeaders): void {
    if (status < 200 || this.#isOver) return
    this.#controller = controller
    this.#safely(() => this.#begin(status, headers))
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#isOver) return
    try {
      this.#take(chunk)
    } catch (error) {
      this.#defect(error)
    }
  }

  onResponseEnd(): void {
    this.#safely(() => this.#allCame())
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    const isTimeout = error instanceof errors.HeadersTimeoutError || error instanceof errors.BodyTimeoutError
    this.#safely(() => this.#fails(isTimeout, reasonOf(error)))
  }

  /** Nothing was sent. */
  fail(error: unknown): void {
    const reason = error instanceof Error ? error.message : 'its credentials are not to be had'
    this.#over({ kind: 'no_answer', isTimeout: false, reason }, () => undefined)
  }

  #begin(status: number, headers: IncomingHttpHeaders): void {
    this.#status = status
    this.#headers = headers
    if (status >= 300 && status < 400 && status !== 304) return this.#refuseRedirect(status)
    if (isStreamed(this.#reader, status, headers)) return this.#startStream()
    this.#isUndecided = this.#reader.isStream && status < 400 && isPlain(this.#encoding())
  }

  /** The client would follow it with its own key, past Bursar. */
  #refuseRedirect(status: number): void {
    this.#over({ kind: 'no_answer', isTimeout: false, reason: `it redirects with ${status}` }, () => undefined)
    this.#controller?.abort(new Error('redirects are not followed'))
  }

  #startStream(): void {
    const encoding = this.#encoding()
    const stream = this.#reader.stream(this.#headers)
    this.#decoder = isPlain(encoding) ? undefined : createDecoder(encoding)
    this.#stream = isPlain(encoding) || this.#decoder !== undefined ? stream : passThrough()
    if (this.#decoder !== undefined) this.#readFrom(this.#decoder)
    this.#sendHead()
  }

  #sendHead(): void {
    const { hidesUsageChunk, guard } = this.#reader
    const isDecoded = this.#decoder !== undefined
    const isChanged = isDecoded || hidesUsageChunk || guard !== undefined
    const isUntrue = (name: string) => name === 'content-length' || (name === 'content-encoding' && isDecoded)
    this.#client.begin(this.#status, headersToClient(this.#headers, this.#extraHeaders(), isChanged ? isUntrue : undefined))
  }

  #readFrom(decoder: Decoder): void {
    decoder.on('data', (chunk: Buffer) => this.#safely(() => this.#takeDecoded(chunk)))
    decoder.on('drain', () => this.#controller?.resume())
    decoder.on('error', () => this.#safely(() => this.#fails(false, 'a broken encoding')))
    decoder.on('end', () => {
      // An encoding may end before its bytes do: what stands behind it is none.
      const isWhole = this.#hasAllCome && decoder.bytesWritten === this.#bodyBytes
      this.#safely(() => (isWhole ? this.#endInTurn() : this.#fails(false, 'a broken encoding')))
    })
  }

  #take(chunk: Buffer): void {
    this.#bodyBytes += chunk.length
    if (this.#isClientGone && this.#bodyBytes > READ_ON_BYTES_MAX) return this.#giveUp()
    if (this.#decoder !== undefined) {
      if (!this.#decoder.write(chunk)) this.#controller?.pause()
      return
    }
    if (this.#stream !== undefined) return this.#takeContent(chunk)
    this.#body.push(chunk)
    if (this.#isUndecided) this.#decide(chunk)
    else if (this.#bodyBytes > WHOLE_BYTES_MAX) this.#passOn(passThrough())
  }

  #decide(chunk: Buffer): void {
    const beginning = beginningOf(chunk)
    this.#isUndecided = beginning === undefined && this.#bodyBytes <= WHOLE_BYTES_MAX
    if (beginning === 'other') this.#passOn(this.#reader.stream(this.#headers))
  }

  #takeDecoded(chunk: Buffer): void {
    if (this.#isOver) return
    this.#decodedBytes += chunk.length
    const isBomb = this.#decodedBytes > RATIO_BYTES_MIN && this.#decodedBytes > RATIO_MAX * this.#bodyBytes
    if (isBomb) return this.#fails(false, 'a broken encoding')
    if (this.#isClientGone && this.#decodedBytes > READ_ON_BYTES_MAX) return this.#giveUp()
    this.#takeContent(chunk)
  }

  #takeContent(chunk: Buffer): void {
    const { guard } = this.#reader
    const stoppable = this.#stream?.stoppable
    if (guard === undefined || stoppable === undefined) return this.#write(this.#stream?.push(chunk) ?? NO_BYTES)
    this.#backlog.push(chunk)
    this.#pump(guard, stoppable)
  }

  /** Relays what came in small pieces, so that the answer can be ended in the middle of what the provider sent at once. */
  #pump(guard: OutputGuard, { fresh, stop }: Stoppable): void {
    while (this.#backlog.length > 0 && this.#waitsFor === 0 && !this.#isOver) {
      const state = guard.state()
      if (state === 'stop') return this.#stop(stop())
      if (state === 'wait') return this.#waitForGuard(guard)
      this.#write(this.#stream?.push(this.#nextPiece()) ?? NO_BYTES)
      guard.take(fresh())
    }
    if (this.#hasAllCome) this.#endInTurn()
  }

  #waitForGuard(guard: OutputGuard): void {
    this.#wait(GUARD)
    guard.decided().then(
      () => this.#safely(() => this.#proceed(GUARD)),
      (error: unknown) => this.#defect(error),
    )
  }

  #wait(reason: number): void {
    if (this.#waitsFor === 0) this.#source()?.pause()
    this.#waitsFor |= reason
  }

  #proceed(reason: number): void {
    this.#waitsFor &= ~reason
    if (this.#isOver || this.#waitsFor !== 0) return
    const { guard } = this.#reader
    const stoppable = this.#stream?.stoppable
    if (guard !== undefined && stoppable !== undefined) this.#pump(guard, stoppable)
    if (this.#waitsFor === 0) this.#source()?.resume()
  }

  /** What gives the content of the answer, and can be told to wait. */
  #source(): { readonly pause: () => unknown; readonly resume: () => unknown } | undefined {
    return this.#decoder ?? this.#controller
  }

  #nextPiece(): Buffer {
    const [first = NO_BYTES] = this.#backlog
    if (first.length > PIECE_BYTES) this.#backlog[0] = first.subarray(PIECE_BYTES)
    else this.#backlog.shift()
    return first.subarray(0, PIECE_BYTES)
  }

  #stop(closing: Buffer): void {
    this.#backlog = []
    this.#over({ kind: 'stopped', status: this.#status, reading: this.#reading() }, () => this.#client.end(closing))
    this.#cancel('no budget has room for more of the answer')
  }

  #write(bytes: Buffer): void {
    if (this.#isOver || this.#isClientGone || this.#client.write(bytes)) return
    this.#wait(CLIENT)
  }

  /** What was taken for a whole answer goes to the client as it comes. */
  #passOn(stream: AnswerStream): void {
    const chunks = this.#body
    this.#body = []
    this.#stream = stream
    if (!this.#isClientGone) this.#sendHead()
    for (const chunk of chunks) this.#takeContent(chunk)
  }

  #allCame(): void {
    this.#hasAllCome = true
    if (this.#isOver) return
    if (this.#stream === undefined) return void this.#endWhole().catch((error: unknown) => this.#defect(error))
    if (this.#decoder === undefined) this.#endInTurn()
    else this.#decoder.end()
  }

  /** Where a guard has not looked at all of it yet, it ends the stream when it has. */
  #endInTurn(): void {
    if (this.#backlog.length > 0) return
    const tail = this.#stream?.end() ?? NO_BYTES
    this.#ended(this.#reading(), () => this.#client.end(tail))
  }

  async #endWhole(): Promise<void> {
    const body = this.#body.length === 1 && this.#body[0] !== undefined ? this.#body[0] : Buffer.concat(this.#body)
    const answer = { status: this.#status, headers: this.#headers, body, encoding: this.#encoding() }
    const reading = readWholeAnswer(this.#reader, answer)
    this.#ended(reading instanceof Promise ? await reading : reading, () => {
      const own = this.#extraHeaders()
      if (this.#status !== 204 && this.#status !== 304) own['content-length'] = String(body.length)
      this.#client.send(this.#status, headersToClient(this.#headers, own), body)
    })
  }

  #ended(reading: AnswerReading, finish: () => void): void {
    const end = { status: this.#status, reading }
    if (this.#isClientGone) this.#over({ kind: 'client_gone', ...end, hasEnded: true }, () => undefined)
    else this.#over({ kind: 'answered', ...end }, finish)
  }

  /** No more comes, or nothing that can be read. */
  #fails(isTimeout: boolean, reason: string): void {
    if (this.#isOver) return
    if (this.#isClientGone) return this.#giveUp()
    if (this.#status === 0) this.#over({ kind: 'no_answer', isTimeout, reason }, () => undefined)
    else this.#cut(isTimeout)
    this.#cancel(reason)
  }

  #late(): void {
    this.#fails(true, 'it goes on for too long')
  }

  #cut(isTimeout: boolean): void {
    this.#backlog = []
    const tail = this.#stream?.end() ?? NO_BYTES
    const end = { status: this.#status, reading: this.#reading(), isTimeout }
    this.#over({ kind: 'cut', ...end }, () => this.#client.breakOff(tail))
  }

  #reading(): AnswerReading {
    return this.#stream?.reading() ?? passThrough().reading()
  }

  /** Nothing that it was to be sent goes anywhere. */
  #clientGone(): void {
    if (this.#isOver) return
    this.#isClientGone = true
    if (this.#controller === undefined) return this.#over({ kind: 'not_sent' }, () => undefined)
    if (this.#hasAllCome && this.#stream === undefined) return
    if (!this.#reader.readsOn || this.#closing?.aborted === true) return this.#giveUp()
    this.#readOnTimer = setTimeout(() => this.#safely(() => this.#giveUp()), this.#deadlines.readOnMs)
    this.#closing?.addEventListener('abort', this.#onClosing)
    this.#proceed(CLIENT)
  }

  readonly #onClosing = (): void => this.#safely(() => this.#giveUp())

  /** The caller is gone, and what the answer used is not to be learnt. */
  #giveUp(): void {
    const end: CallEnd =
      this.#status === 0 ? { kind: 'client_gone' } : { kind: 'client_gone', status: this.#status, reading: this.#reading() }
    this.#over(end, () => undefined)
    this.#cancel('the client is gone')
  }

  #cancel(why: string): void {
    this.#decoder?.destroy()
    this.#controller?.abort(new Error(why))
  }

  /** A bug ends this call and nothing else. */
  #defect(error: unknown): void {
    this.#over({ kind: 'defect', error }, () => undefined)
    this.#cancel('an unexpected error')
  }

  #safely(step: () => void): void {
    try {
      step()
    } catch (error) {
      this.#defect(error)
    }
  }

  #over(end: CallEnd, finish: () => void): void {
    if (this.#isOver) return
    this.#isOver = true
    clearTimeout(this.#timer)
    clearTimeout(this.#readOnTimer)
    this.#closing?.removeEventListener('abort', this.#onClosing)
    this.#resolve({ end, finish })
  }

  #encoding(): string {
    return headerOf(this.#headers, 'content-encoding')
  }
}

/** An error's code, without addresses or bytes of the call. */
function reasonOf(error: Error): string {
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name
}

import { GrowingBytes } from './growing-bytes.ts'

/** A server-sent event as it came. */
export interface SseEvent {
  /** Its bytes, with the blank line that ends it. */
  readonly bytes: Buffer
  /** Its `data`, several lines joined by a line feed; undefined for comments and events without data. */
  readonly data: string | undefined
  /** True for a part of an event that is larger than {@link EVENT_BYTES_MAX}: it is passed on unread. */
  readonly isUnread?: boolean
}

const LF = 0x0a
const CR = 0x0d

/** An event larger than this is passed on unread. An image that comes with its usage is a few MB, and the largest in practice. */
export const EVENT_BYTES_MAX = 16 * 1024 * 1024

/** As the place where a line begins: it began in bytes that were passed on already. */
const BEFORE = -1

/**
 * Cuts a stream of bytes into events by the rules of the WHATWG (https://html.spec.whatwg.org/#event-stream-interpretation):
 * lines end in LF, CRLF or CR, a blank line ends an event. The stream may be cut anywhere; no byte is lost or changed. The work
 * is linear in the bytes, however small the pieces are in which they come.
 */
export class SseFramer {
  /** The event that is not finished yet. */
  readonly #pending = new GrowingBytes()
  /** Where in `#pending` the line begins that is not finished yet. */
  #lineStart = 0
  /** Up to where `#pending` was looked at. */
  #seen = 0
  /** True where the event that is not finished yet may have a CR. */
  #hasCr = false
  /** True within an event that is too large to be read. */
  #isSkipping = false

  /** The events that these bytes finish. */
  push(chunk: Buffer): readonly SseEvent[] {
    const hasCr = chunk.includes(CR) || (this.#hasCr && this.#pending.length > 0)
    const events: SseEvent[] = []
    const bytes = this.#join(chunk)
    let eventStart = 0
    let lineStart = this.#lineStart
    let at = endOfLine(bytes, this.#seen, hasCr)
    for (; at !== -1; at = endOfLine(bytes, lineStart, hasCr)) {
      const isCr = bytes[at] === CR
      // A CR at the very end may be half of a CRLF.
      if (isCr && at + 1 === bytes.length) break
      const isBlank = at === lineStart
      lineStart = isCr && bytes[at + 1] === LF ? at + 2 : at + 1
      if (!isBlank) continue
      events.push(this.#toEvent(bytes.subarray(eventStart, lineStart), hasCr))
      eventStart = lineStart
    }
    this.#seen = (at === -1 ? bytes.length : at) - eventStart
    this.#lineStart = lineStart === BEFORE ? BEFORE : lineStart - eventStart
    this.#keep(bytes, eventStart)
    this.#hasCr = hasCr
    if (this.#isTooLarge()) events.push(this.#skip())
    return events
  }

  /** What is left when the stream ends: an event that no blank line ended. */
  end(): SseEvent {
    const bytes = this.#pending.take()
    this.#lineStart = 0
    this.#seen = 0
    return this.#toEvent(bytes, true)
  }

  /** Nearly always nothing is pending: then the bytes are looked at where they are. */
  #join(chunk: Buffer): Buffer {
    if (this.#pending.length === 0) return chunk
    this.#pending.add(chunk)
    return this.#pending.bytes()
  }

  /** What stands behind the last event that is finished. Where none is, all of it is kept already, or nothing is. */
  #keep(bytes: Buffer, eventStart: number): void {
    if (this.#pending.length > 0) {
      if (eventStart === 0) return
      this.#pending.take()
    }
    if (eventStart < bytes.length) this.#pending.add(bytes.subarray(eventStart))
  }

  #isTooLarge(): boolean {
    return this.#pending.length > (this.#isSkipping ? 0 : EVENT_BYTES_MAX)
  }

  /** Passes on what came of an event that is too large. A CR at its end stays: it may be half of a CRLF. */
  #skip(): SseEvent {
    const bytes = this.#pending.take()
    const isHalf = bytes[bytes.length - 1] === CR
    const passed = isHalf ? bytes.subarray(0, -1) : bytes
    if (isHalf) this.#pending.add(bytes.subarray(-1))
    this.#isSkipping = true
    this.#lineStart = this.#lineStart === passed.length ? 0 : BEFORE
    this.#seen = 0
    return { bytes: passed, data: undefined, isUnread: true }
  }

  #toEvent(bytes: Buffer, hasCr: boolean): SseEvent {
    if (!this.#isSkipping && bytes.length <= EVENT_BYTES_MAX) return toEvent(bytes, hasCr)
    this.#isSkipping = false
    return { bytes, data: undefined, isUnread: true }
  }
}

/** Where the line ends at `from` or behind it: at its LF or CR; -1 where that is not there yet. */
function endOfLine(bytes: Buffer, from: number, hasCr: boolean): number {
  // Nearly all streams have no CR, and memchr is ten times as fast as a loop.
  if (!hasCr) return bytes[from] === LF ? from : bytes.indexOf(LF, from)
  for (let at = from; at < bytes.length; at++) if (bytes[at] === LF || bytes[at] === CR) return at
  return -1
}

/** @param hasCr false: there is none in it */
function toEvent(bytes: Buffer, hasCr: boolean): SseEvent {
  const isPlain = !hasCr && isOneDataLine(bytes)
  return { bytes, data: isPlain ? bytes.toString('utf8', DATA.length, bytes.length - 2) : dataIn(bytes) }
}

const DATA = Buffer.from('data: ')

/** True for the event that nearly all are: one line of data that ends in LF, and the blank line. */
function isOneDataLine(bytes: Buffer): boolean {
  for (let at = 0; at < DATA.length; at++) if (bytes[at] !== DATA[at]) return false
  return bytes.indexOf(LF) === bytes.length - 2
}

/** The event's data by the rules, whatever its lines. */
function dataIn(bytes: Buffer): string | undefined {
  const data: string[] = []
  for (const line of bytes
    .toString()
    .replace(/^\uFEFF/, '')
    .split(/\r\n|\n|\r/)) {
    if (line === 'data') data.push('')
    else if (line.startsWith('data:')) data.push(line.slice(line[5] === ' ' ? 6 : 5))
  }
  return data.length === 0 ? undefined : data.join('\n')
}

/** A server-sent event as it came. */
export interface SseEvent {
  /** Its bytes, with the blank line that ends it. */
  readonly bytes: Buffer
  /** Its `data`, several lines joined by a line feed; undefined for comments and events without data. */
  readonly data: string | undefined
}

const LF = 0x0a
const CR = 0x0d

/** An event larger than this is passed on unread: nothing that carries usage comes near it. */
const EVENT_BYTES_MAX = 16 * 1024 * 1024

const NO_BYTES = Buffer.alloc(0)

/**
 * Cuts a stream of bytes into events by the rules of the WHATWG (https://html.spec.whatwg.org/#event-stream-interpretation):
 * lines end in LF, CRLF or CR, a blank line ends an event. The stream may be cut anywhere; no byte is lost or changed.
 */
export class SseFramer {
  #pending: Buffer = NO_BYTES
  /** Where in `#pending` the line begins that is not finished yet. */
  #lineStart = 0

  /** The events that these bytes finish. */
  push(chunk: Buffer): readonly SseEvent[] {
    const bytes = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk])
    const hasCr = bytes.includes(CR)
    const events: SseEvent[] = []
    let eventStart = 0
    let lineStart = this.#lineStart
    for (let at = endOfLine(bytes, lineStart, hasCr); at !== -1; at = endOfLine(bytes, lineStart, hasCr)) {
      const isCr = bytes[at] === CR
      // A CR at the very end may be half of a CRLF.
      if (isCr && at + 1 === bytes.length) break
      const isBlank = at === lineStart
      lineStart = isCr && bytes[at + 1] === LF ? at + 2 : at + 1
      if (!isBlank) continue
      events.push(toEvent(bytes.subarray(eventStart, lineStart), hasCr))
      eventStart = lineStart
    }
    this.#pending = bytes.subarray(eventStart)
    this.#lineStart = lineStart - eventStart
    if (this.#pending.length > EVENT_BYTES_MAX) events.push({ bytes: this.#takePending(), data: undefined })
    return events
  }

  /** What is left when the stream ends: an event that no blank line ended. */
  end(): SseEvent {
    return toEvent(this.#takePending(), true)
  }

  #takePending(): Buffer {
    const bytes = this.#pending
    this.#pending = NO_BYTES
    this.#lineStart = 0
    return bytes
  }
}

/** Where the line that begins at `from` ends: at its LF or CR; -1 where that is not there yet. */
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

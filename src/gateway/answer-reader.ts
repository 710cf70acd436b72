import type { IncomingHttpHeaders } from 'node:http'
import { type AnswerReading, type AnswerStream, beginningOf } from '../providers/provider.ts'
import { decodeWhole, isPlain } from './decode.ts'
import type { OutputGuard } from './output-guard.ts'

/** How an answer is read while it passes. */
export interface AnswerReader {
  readonly isStream: boolean
  /** True where a stream may have a JSON content type. */
  readonly hasJsonStreams: boolean
  /** True where the relayed bytes may be fewer than the provider's. */
  readonly hidesUsageChunk: boolean
  /** True where the answer is read to its end after the caller hung up, for what it says of its use; else it is cancelled. */
  readonly readsOn: boolean
  readonly whole: (status: number, body: Buffer, headers: IncomingHttpHeaders) => AnswerReading
  readonly stream: (headers: IncomingHttpHeaders) => AnswerStream
  /** What ends a stream that no budget has room for; absent: nothing does. */
  readonly guard?: OutputGuard | undefined
}

const NOTHING_READ: AnswerReading = { isComplete: false, produced: '', producedBeyond: 0, isError: false }
const UNREAD: AnswerReading = { ...NOTHING_READ, isUnread: true }
const NO_BYTES = Buffer.alloc(0)

/** Relays an answer unread. */
export function passThrough(): AnswerStream {
  return { push: (chunk) => chunk, end: () => NO_BYTES, reading: () => UNREAD }
}

/** A header's value in lower case, also where it is sent twice; '' where it is absent. */
export function headerOf(headers: IncomingHttpHeaders, name: string): string {
  const value = headers[name]
  if (value === undefined) return ''
  return (typeof value === 'string' ? value : value.join(',')).trim().toLowerCase()
}

/** True where the answer is relayed as it comes, by what it is called; see `beginningOf` for what it is. */
export function isStreamed({ isStream, hasJsonStreams }: AnswerReader, status: number, headers: IncomingHttpHeaders): boolean {
  const type = headerOf(headers, 'content-type')
  if (type.includes('event-stream') || type.includes('eventstream')) return true
  return isStream && status < 400 && (hasJsonStreams || !type.includes('json'))
}

interface WholeAnswer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
  readonly encoding: string
}

/** A promise only where the answer is encoded. What can't be decoded, or is too large then, is not read. */
export function readWholeAnswer(reader: AnswerReader, answer: WholeAnswer): AnswerReading | Promise<AnswerReading> {
  const { body, encoding } = answer
  if (isPlain(encoding) || body.length === 0) return readContent(reader, answer)
  return decodeWhole(body, encoding).then((content) => (content === undefined ? UNREAD : readContent(reader, { ...answer, body: content })))
}

/** As a whole answer, and where that says nothing, as the stream that it may be though nothing calls it so. */
function readContent(reader: AnswerReader, { status, headers, body }: WholeAnswer): AnswerReading {
  const reading = reader.whole(status, body, headers)
  if (status >= 400 || !saysNothing(reading) || !mayBeStream(headers, body)) return reading
  const stream = reader.stream({ ...headers, 'content-encoding': undefined })
  stream.push(body)
  stream.end()
  const asStream = stream.reading()
  return saysNothing(asStream) ? reading : asStream
}

function saysNothing({ reported, produced, standIn, isError }: AnswerReading): boolean {
  return reported === undefined && produced === '' && standIn === undefined && !isError
}

/** Text and audio are what they are. */
function mayBeStream(headers: IncomingHttpHeaders, body: Buffer): boolean {
  const type = headerOf(headers, 'content-type')
  return (type === '' || type.includes('json') || type.includes('stream')) && beginningOf(body) !== undefined
}

import { crc32 } from 'node:zlib'
import { EventStreamCodec } from '@smithy/eventstream-codec'
import { fromUtf8, toUtf8 } from '@smithy/util-utf8'
import { GrowingBytes } from './growing-bytes.ts'

/** A message of an AWS event stream. */
export interface EventStreamMessage {
  /** `exception` and `error` say that the service failed in the middle of its answer. */
  readonly kind: 'event' | 'exception' | 'error'
  /** The event's type (`metadata`, `chunk`), or the exception's. */
  readonly name: string
  readonly payload: Buffer
}

/** Total length, length of the headers, and the CRC-32 of both. */
const PRELUDE_BYTES = 12
const PRELUDE_CRC_AT = 8
/** The prelude, and the CRC-32 of the whole message at its end. */
const MESSAGE_BYTES_MIN = PRELUDE_BYTES + 4
/** 16 MiB of payload and 128 KiB of headers are the most that the encoding allows. */
const MESSAGE_BYTES_MAX = MESSAGE_BYTES_MIN + 16 * 1024 * 1024 + 128 * 1024

const codec = new EventStreamCodec(toUtf8, fromUtf8)
const NO_MESSAGES: readonly EventStreamMessage[] = []

/**
 * Cuts a stream of bytes into messages (https://smithy.io/2.0/aws/amazon-eventstream.html). The stream may be cut anywhere.
 * Never throws: a message that is damaged is left out, and where a prelude is damaged nobody knows where the next message
 * begins, so that nothing behind it is read. Keeps at most two messages of the largest size.
 */
export class AwsEventStreamFramer {
  /** What is not finished yet. */
  readonly #pending = new GrowingBytes()
  /** As many bytes must be pending before there is something to read. */
  #neededBytes = PRELUDE_BYTES
  #isLost = false
  #isDamaged = false

  /** True once anything of the stream could not be read. */
  get isDamaged(): boolean {
    return this.#isDamaged
  }

  /** The messages that these bytes finish. */
  push(chunk: Buffer): readonly EventStreamMessage[] {
    if (this.#isLost) return NO_MESSAGES
    if (this.#pending.length === 0) return this.#read(chunk)
    this.#pending.add(chunk)
    return this.#pending.length < this.#neededBytes ? NO_MESSAGES : this.#read(this.#pending.take())
  }

  #read(bytes: Buffer): readonly EventStreamMessage[] {
    const messages: EventStreamMessage[] = []
    let at = 0
    this.#neededBytes = PRELUDE_BYTES
    while (bytes.length - at >= PRELUDE_BYTES) {
      const length = messageLength(bytes, at)
      if (length === undefined) return this.#lose(messages)
      if (bytes.length - at < length) {
        this.#neededBytes = length
        break
      }
      const message = decode(bytes.subarray(at, at + length))
      if (message === undefined) this.#isDamaged = true
      else messages.push(message)
      at += length
    }
    if (at < bytes.length) this.#pending.add(bytes.subarray(at))
    return messages
  }

  #lose(messages: readonly EventStreamMessage[]): readonly EventStreamMessage[] {
    this.#isLost = true
    this.#isDamaged = true
    return messages
  }
}

/** The length of the message that begins there; undefined where its prelude is damaged. */
function messageLength(bytes: Buffer, at: number): number | undefined {
  const length = bytes.readUInt32BE(at)
  const headersLength = bytes.readUInt32BE(at + 4)
  const isWhole = crc32(bytes.subarray(at, at + PRELUDE_CRC_AT)) === bytes.readUInt32BE(at + PRELUDE_CRC_AT)
  const isPossible = length <= MESSAGE_BYTES_MAX && headersLength + MESSAGE_BYTES_MIN <= length
  return isWhole && isPossible ? length : undefined
}

/** Undefined where the message is damaged. */
function decode(bytes: Buffer): EventStreamMessage | undefined {
  try {
    const { headers, body } = codec.decode(bytes)
    const text = (name: string): string | undefined => {
      const header = headers[name]
      return header?.type === 'string' ? header.value : undefined
    }
    const type = text(':message-type')
    const kind = type === 'exception' || type === 'error' ? type : 'event'
    const name = text(':event-type') ?? text(':exception-type') ?? text(':error-code') ?? ''
    return { kind, name, payload: Buffer.from(body.buffer, body.byteOffset, body.byteLength) }
  } catch {
    return undefined
  }
}

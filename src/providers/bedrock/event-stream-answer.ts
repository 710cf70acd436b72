import { parseObject, PlainBody } from '../answer.ts'
import { AwsEventStreamFramer, type EventStreamMessage } from '../framing/aws-event-stream.ts'
import type { AnswerReading, AnswerStream, JsonObject } from '../provider.ts'

/** Reads one answer of Bedrock's, whole or event by event. */
export interface BedrockParts {
  /** @param name the event's type, such as `metadata` or `chunk` */
  readonly event: (name: string, data: JsonObject) => void
  /** The service failed in the middle of its answer. */
  readonly fail: () => void
  readonly whole: (data: JsonObject) => void
  readonly reading: () => AnswerReading
}

const NO_BYTES = Buffer.alloc(0)

/**
 * Reads a stream of AWS's binary events as it passes; every byte is relayed as it came. A body that is one JSON object, and no
 * stream, is read at its end. Never throws, whatever the bytes.
 */
export function createEventStreamAnswer(parts: BedrockParts): AnswerStream {
  const framer = new AwsEventStreamFramer()
  const plain = new PlainBody()
  return {
    push: (chunk) => {
      if (plain.takes(chunk)) return chunk
      for (const message of framer.push(chunk)) take(parts, message)
      return chunk
    },
    end: () => {
      const whole = parseObject(plain.bytes()?.toString() ?? '')
      if (whole !== undefined) parts.whole(whole)
      return NO_BYTES
    },
    reading: () => {
      const reading = parts.reading()
      if (reading.isComplete) return reading
      // A usage report may have been in what could not be read.
      if (plain.isTooLarge) return { ...reading, isUnread: true }
      return framer.isDamaged ? { ...reading, isNotUnderstood: true } : reading
    },
  }
}

function take(parts: BedrockParts, { kind, name, payload }: EventStreamMessage): void {
  if (kind !== 'event') return parts.fail()
  const data = parseObject(payload.toString())
  if (data !== undefined) parts.event(name, data)
}

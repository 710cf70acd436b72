import { type AnswerParts, createSseAnswer, parseObject } from './answer.ts'
import { beginningOf } from './framing/first-byte.ts'
import { JsonObjectFramer } from './framing/json-objects.ts'
import type { AnswerHeaders, AnswerStream } from './provider.ts'

const NO_BYTES = Buffer.alloc(0)

/**
 * Reads a stream whose objects come one by one as JSON, or as events: as what it begins with says, whatever it is called. Where it is
 * called events and begins as JSON, one of the two is wrong or damaged, and it is read in both ways.
 */
export function createJsonAnswer(parts: () => AnswerParts, headers: AnswerHeaders): AnswerStream {
  let answer: AnswerStream | undefined
  return {
    reading: () => answer?.reading() ?? parts().reading(),
    push: (chunk) => {
      if (answer === undefined) {
        const beginning = beginningOf(chunk)
        if (beginning !== undefined) answer = beginning === 'other' ? createSseAnswer(parts()) : createAsJson(parts, headers)
      }
      return answer?.push(chunk) ?? chunk
    },
    end: () => answer?.end() ?? NO_BYTES,
  }
}

function createAsJson(parts: () => AnswerParts, headers: AnswerHeaders): AnswerStream {
  const objects = createObjectsAnswer(parts())
  const isCalledEvents = String(headers['content-type'] ?? '').includes('event-stream')
  return isCalledEvents ? createEither(objects, createSseAnswer(parts())) : objects
}

/** The first one, or the other where only that was told what was used. Both relay all bytes as they are. */
function createEither(one: AnswerStream, other: AnswerStream): AnswerStream {
  return {
    reading: () => {
      const [first, second] = [one.reading(), other.reading()]
      return first.reported === undefined && second.reported !== undefined ? second : first
    },
    push: (chunk) => {
      other.push(chunk)
      return one.push(chunk)
    },
    end: () => {
      other.end()
      return one.end()
    },
  }
}

function createObjectsAnswer(parts: AnswerParts): AnswerStream {
  const framer = new JsonObjectFramer()
  return {
    reading: () => {
      const reading = parts.reading()
      return framer.hasUnread && !reading.isComplete ? { ...reading, isUnread: true } : reading
    },
    push: (chunk) => {
      for (const text of framer.push(chunk)) {
        const object = parseObject(text)
        if (object !== undefined) parts.event(object)
      }
      return chunk
    },
    end: () => NO_BYTES,
  }
}

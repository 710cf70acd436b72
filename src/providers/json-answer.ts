import { type AnswerParts, createSseAnswer, parseObject } from './answer.ts'
import { beginningOf } from './framing/first-byte.ts'
import { JsonObjectFramer } from './framing/json-objects.ts'
import type { AnswerStream } from './provider.ts'

const NO_BYTES = Buffer.alloc(0)

/** Reads a stream whose objects come one by one as JSON, or as events: as what it begins with says, whatever it is called. */
export function createJsonAnswer(parts: AnswerParts): AnswerStream {
  let answer: AnswerStream | undefined
  return {
    reading: () => answer?.reading() ?? parts.reading(),
    push: (chunk) => {
      if (answer === undefined) {
        const beginning = beginningOf(chunk)
        if (beginning !== undefined) answer = beginning === 'other' ? createSseAnswer(parts) : createObjectsAnswer(parts)
      }
      return answer?.push(chunk) ?? chunk
    },
    end: () => answer?.end() ?? NO_BYTES,
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

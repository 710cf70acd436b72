import { type AnswerParts, createSseAnswer, parseObject } from './answer.ts'
import { JsonObjectFramer } from './framing/json-objects.ts'
import type { AnswerHeaders, AnswerStream } from './provider.ts'

/** Reads a stream whose objects come one by one as JSON, or as events where the answer's content type says so. */
export function createJsonAnswer(parts: AnswerParts, headers: AnswerHeaders): AnswerStream {
  if (!String(headers['content-type'] ?? '').includes('json')) return createSseAnswer(parts)
  const framer = new JsonObjectFramer()
  return {
    reading: () => parts.reading(),
    push: (chunk) => {
      for (const text of framer.push(chunk)) {
        const object = parseObject(text)
        if (object !== undefined) parts.event(object)
      }
      return chunk
    },
    end: () => Buffer.alloc(0),
  }
}

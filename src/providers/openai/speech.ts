import { type AnswerParts, createSseAnswer, readWhole, ReadingSoFar, stringIn } from '../answer.ts'
import type { AnswerHeaders, AnswerStream, JsonObject, Metered, PathValues, RequestFacts } from '../provider.ts'
import { parseBody } from '../request-body.ts'
import { estimateRequest } from '../request-text.ts'
import { prepareEmbeddings } from './request.ts'
import { readMediaUsage } from './usage.ts'

/*
 * Speech from text. Only the stream of events reports its use; of plain audio the tokens are estimated by its length: a minute
 * costs 1,250 tokens (0.015 USD at 12 USD for a million: https://platform.openai.com/docs/pricing).
 */

const TOKENS_PER_SECOND = 1250 / 60
/** Very slow speech: 60 words a minute. */
const CHARS_PER_SECOND_MIN = 5
const SECONDS_MIN = 10

/** Bytes a second of what `response_format` names: PCM and WAV have 24,000 samples of 16 bits; the others' least usual rate. */
const BYTES_PER_SECOND: readonly (readonly [type: RegExp, bytes: number])[] = [
  [/pcm|wav|l16/, 48_000],
  [/flac/, 16_000],
  [/opus|ogg/, 3000],
]
const BYTES_PER_SECOND_ELSE = 6000

function readSpeechRequest(body: Buffer, path: PathValues): { facts: RequestFacts; json: JsonObject } {
  const { json, model } = parseBody(body, path)
  const text = stringIn(json, 'input')
  const outputMax = Math.ceil((SECONDS_MIN + text.length / CHARS_PER_SECOND_MIN) * TOKENS_PER_SECOND)
  const inputBound = Math.max(1, body.length)
  // The audio goes to the client as it comes, and not at its end.
  return { json, facts: { model, isStream: true, inputBound, outputMax, outputMin: outputMax, canClamp: false, choices: 1 } }
}

function readSpeechParts(): AnswerParts {
  const soFar = new ReadingSoFar()
  const read = (data: JsonObject) => {
    if (data['error'] !== undefined && data['error'] !== null) soFar.fail()
    const usage = readMediaUsage(data['usage'])
    soFar.report(usage, usage?.output?.total !== undefined, data['usage'])
    if (typeof data['audio'] === 'string') soFar.standIn(lengthOf((data['audio'].length * 3) / 4, ''))
  }
  return { event: read, whole: read, reading: () => soFar.reading() }
}

function lengthOf(bytes: number, type: string): { readonly output: number; readonly why: string } {
  const rate = BYTES_PER_SECOND.find(([pattern]) => pattern.test(type))?.[1] ?? BYTES_PER_SECOND_ELSE
  return { output: Math.ceil((bytes / rate) * TOKENS_PER_SECOND), why: 'audio comes without a report of its use' }
}

function createAudioAnswer(type: string): AnswerStream {
  let bytes = 0
  return {
    push: (chunk) => {
      bytes += chunk.length
      return chunk
    },
    end: () => Buffer.alloc(0),
    reading: () => ({ isComplete: false, produced: '', producedBeyond: 0, isError: false, standIn: lengthOf(bytes, type) }),
  }
}

function readStream(_hides: boolean, headers: AnswerHeaders): AnswerStream {
  const type = String(headers['content-type'] ?? '').toLowerCase()
  return type.includes('event-stream') ? createSseAnswer(readSpeechParts()) : createAudioAnswer(type)
}

export const speech: Metered = {
  kind: 'metered',
  readRequest: readSpeechRequest,
  prepare: prepareEmbeddings,
  estimateInput: estimateRequest,
  readAnswer: (status, body) => readWhole(readSpeechParts(), status, body),
  readStream,
}

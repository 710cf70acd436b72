import { type TokenCounts, toCount } from '../../domain/usage/usage.ts'
import { type AnswerParts, asObject, createSseAnswer, parseObject, readWhole, ReadingSoFar, stringIn } from '../answer.ts'
import { readBilling } from '../billing.ts'
import type { JsonObject, Metered, PathValues, RequestFacts } from '../provider.ts'
import { audioSecondsMax } from '../audio-length.ts'
import { audioTokensMax } from './audio-tokens.ts'
import { recodeForm } from '../framing/form-recoding.ts'
import { flagInForm, prepareForm, readForm } from './form-request.ts'
import { readMediaUsage } from './usage.ts'

/* Transcriptions and translations of audio: counted in tokens (gpt-4o-transcribe, Voxtral) or in seconds (Whisper). */

const TOKENS_PER_SECOND = 10
/** Fast speech has 4 words a second; with time stamps and speakers of short segments. */
const OUTPUT_TOKENS_PER_SECOND_MAX = 50
const OUTPUT_TOKENS_MIN = 256

function readTranscriptionRequest(body: Buffer, path: PathValues, contentType: string): { facts: RequestFacts; json: JsonObject } {
  const { json, model, files } = readForm(body, contentType, path)
  const seconds = files.reduce((sum, file) => sum + audioSecondsMax(file, file.length), 0)
  const text = Object.values(json).reduce<number>((sum, value) => sum + Buffer.byteLength(String(value)), 0)
  const outputMax = OUTPUT_TOKENS_MIN + Math.ceil(seconds * OUTPUT_TOKENS_PER_SECOND_MAX)
  return {
    json,
    facts: {
      model,
      isStream: flagInForm(json, 'stream') === true,
      inputBound: Math.max(1, text + audioTokensMax(seconds)),
      outputMax,
      outputMin: outputMax,
      canClamp: false,
      choices: 1,
      audioSeconds: Math.ceil(seconds),
    },
  }
}

/** By its length, or in tokens. */
function readAudioUsage(usage: JsonObject | undefined): TokenCounts | undefined {
  const audioSeconds = usage?.['type'] === 'duration' ? secondsIn(usage['seconds']) : undefined
  return audioSeconds === undefined ? readMediaUsage(usage) : { audioSeconds }
}

function secondsIn(value: unknown): number | undefined {
  return value === undefined ? undefined : toCount(Math.ceil(Number(value)))
}

function readTranscriptionParts(): AnswerParts {
  const soFar = new ReadingSoFar()
  const read = (data: JsonObject) => {
    if (data['error'] !== undefined && data['error'] !== null) soFar.fail()
    const reported = asObject(data['usage'])
    const usage = readAudioUsage(reported)
    soFar.report(usage, usage?.output?.total !== undefined, reported)
    soFar.bill(readBilling(reported, reported?.['service_tier']))
    if (usage?.output?.total === undefined && typeof data['text'] === 'string') soFar.produce(data['text'])
  }
  return {
    whole: (data) => {
      read(data)
      standInForSeconds(soFar, data)
    },
    event: (data) => {
      const type = stringIn(data, 'type')
      if (type === 'transcript.text.delta' && typeof data['delta'] === 'string') soFar.produce(data['delta'])
      else if (type !== 'transcript.text.segment') read(type === 'transcript.text.done' ? { ...data, text: undefined } : data)
    },
    reading: () => soFar.reading(),
  }
}

/** Tokens for what is counted by its length, so that token budgets see it; the answer's own text is its output. */
function standInForSeconds(soFar: ReadingSoFar, data: JsonObject): void {
  const seconds = soFar.reported?.audioSeconds ?? secondsIn(data['duration'])
  if (soFar.reported?.input?.total !== undefined || seconds === undefined) return
  soFar.report({ audioSeconds: seconds }, false)
  soFar.standIn({ input: seconds * TOKENS_PER_SECOND, why: 'the provider counts audio by its length and not in tokens' })
}

/** `text`, `srt` and `vtt` are no JSON: all of it was produced. */
function readAnswer(status: number, body: Buffer): ReturnType<Metered['readAnswer']> {
  const text = body.toString()
  const parts = readTranscriptionParts()
  if (status < 400 && parseObject(text) === undefined) parts.whole({ text })
  return readWhole(parts, status, body)
}

export const transcriptions: Metered = {
  kind: 'metered',
  recode: recodeForm,
  readRequest: readTranscriptionRequest,
  prepare: (body, _json, changes) => prepareForm(body, changes),
  estimateInput: (_json, { inputBound }) => inputBound,
  readAnswer,
  readStream: () => createSseAnswer(readTranscriptionParts()),
}

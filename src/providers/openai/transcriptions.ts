import { toCount } from '../../domain/usage.ts'
import { type AnswerParts, asObject, createSseAnswer, parseObject, readWhole, ReadingSoFar, stringIn } from '../answer.ts'
import { readBilling } from '../billing.ts'
import type { JsonObject, Metered, PathValues, RequestFacts } from '../provider.ts'
import { prepareForm, readForm } from './form-request.ts'
import { readMediaUsage } from './usage.ts'

/*
 * Transcriptions and translations of audio: counted in tokens (gpt-4o-transcribe, Voxtral) or in seconds (Whisper). OpenAI
 * counts 10 tokens a second, Mistral 12.5 of windows of 30 seconds (measured on recorded answers).
 */

const TOKENS_PER_SECOND = 10
const TOKENS_PER_SECOND_MAX = 12.5
const WINDOW_SECONDS = 30
/** The least that a codec of speech needs: Opus with 6 kbit/s (https://datatracker.ietf.org/doc/html/rfc6716). */
const BYTES_PER_SECOND_MIN = 750
/** Fast speech has 4 words a second; with time stamps and speakers of short segments. */
const OUTPUT_TOKENS_PER_SECOND_MAX = 50
const OUTPUT_TOKENS_MIN = 256

function readTranscriptionRequest(body: Buffer, path: PathValues, contentType: string): { facts: RequestFacts; json: JsonObject } {
  const { json, model, files } = readForm(body, contentType, path)
  const seconds = files.reduce((sum, file) => sum + secondsMax(file), 0)
  const windows = Math.ceil(seconds / WINDOW_SECONDS) * WINDOW_SECONDS
  const text = Object.values(json).reduce<number>((sum, value) => sum + Buffer.byteLength(String(value)), 0)
  const outputMax = OUTPUT_TOKENS_MIN + Math.ceil(seconds * OUTPUT_TOKENS_PER_SECOND_MAX)
  return {
    json,
    facts: {
      model,
      isStream: json['stream'] === 'true',
      inputBound: Math.max(1, text + Math.ceil(windows * TOKENS_PER_SECOND_MAX)),
      outputMax,
      outputMin: outputMax,
      canClamp: false,
      choices: 1,
      audioSeconds: Math.ceil(seconds),
    },
  }
}

/** A WAV file says its bytes a second (http://soundfile.sapp.org/doc/WaveFormat/); of others the lowest rate is the bound. */
function secondsMax(file: Buffer): number {
  const isWav = file.toString('latin1', 0, 4) === 'RIFF' && file.toString('latin1', 8, 16) === 'WAVEfmt '
  const rate = isWav && file.length >= 44 ? file.readUInt32LE(28) : 0
  return file.length / Math.max(rate, BYTES_PER_SECOND_MIN)
}

function readTranscriptionParts(): AnswerParts {
  const soFar = new ReadingSoFar()
  const read = (data: JsonObject) => {
    if (data['error'] !== undefined && data['error'] !== null) soFar.fail()
    const reported = asObject(data['usage'])
    const seconds = reported?.['type'] === 'duration' ? toCount(Math.ceil(Number(reported['seconds']))) : undefined
    const usage = seconds === undefined ? readMediaUsage(reported) : { audioSeconds: seconds }
    soFar.report(usage, usage?.output !== undefined, reported)
    soFar.bill(readBilling(reported, reported?.['service_tier']))
    if (usage?.output === undefined && typeof data['text'] === 'string') soFar.produce(data['text'])
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
  const seconds = soFar.reported?.audioSeconds ?? toCount(Math.ceil(Number(data['duration'] ?? Number.NaN)))
  if (soFar.reported?.input !== undefined || seconds === undefined) return
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
  readRequest: readTranscriptionRequest,
  prepare: (body, _json, changes) => prepareForm(body, changes),
  estimateInput: (_json, { inputBound }) => inputBound,
  readAnswer,
  readStream: () => createSseAnswer(readTranscriptionParts()),
}

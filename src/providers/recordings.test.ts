import { describe, expect, test } from 'vitest'
import fc from 'fast-check'
import { bytesOf, type Expected, hasRecordings, readRecordings, type Recording } from '../../test/e2e/recordings.ts'
import { writtenAnswers } from '../../test/support/written-answers.ts'
import { addCounts, chargedTokens, type TokenCounts } from '../domain/usage/usage.ts'
import type { AnswerReading, Metered } from './provider.ts'
import { apiShapes } from './registry.ts'

/** What every recorded answer says of its use, read from its bytes, however they are cut. */

function meteredOf(family: string): Metered {
  for (const { endpoints } of apiShapes) {
    for (const { name, admission } of endpoints) if (name === family && admission.kind === 'metered') return admission
  }
  throw new Error(`no endpoint ${family}`)
}

/** Vertex has another path for embeddings, and another answer. */
function endpointOf({ family, request }: Recording): string {
  if (request.path.endsWith(':predict')) return 'vertex.predict'
  if (request.path === '/api/embeddings') return 'ollama.embed'
  return family === 'rerank' ? 'cohere.rerank' : family
}

const FIELDS = [
  ['input_tokens', ({ input }: TokenCounts) => input?.total],
  ['output_tokens', ({ output }: TokenCounts) => output?.total],
  ['cached_input_tokens', ({ input }: TokenCounts) => input?.cached],
  ['cache_write_tokens', ({ input }: TokenCounts) => input?.cacheWrite],
  ['reasoning_tokens', ({ output }: TokenCounts) => output?.reasoning],
] as const

/** The counts of all models that an answer reports. */
function allOf({ reported = {}, others = [] }: AnswerReading): TokenCounts {
  return others.reduce((sum, { counts }) => addCounts(sum, counts), reported)
}

function isExact(reading: AnswerReading, expected: Expected): boolean {
  return FIELDS.every(([field, countIn]) => {
    const count = countIn(allOf(reading))
    return (count ?? null) === expected[field] || (expected[field] === 0 && count === undefined)
  })
}

function readStreamed(recording: Recording, pieces: readonly number[]): { reading: AnswerReading; relayed: Buffer } {
  const stream = meteredOf(endpointOf(recording)).readStream(false, recording.response.headers)
  const bytes = bytesOf(recording)
  const relayed: Buffer[] = []
  let at = 0
  for (let i = 0; at < bytes.length; i++) {
    const next = Math.min(bytes.length, at + (pieces[i % pieces.length] ?? 1))
    relayed.push(stream.push(bytes.subarray(at, next)))
    at = next
  }
  relayed.push(stream.end())
  return { reading: stream.reading(), relayed: Buffer.concat(relayed) }
}

const FAMILIES = [
  'gemini.generateContent',
  'openai.chat',
  'openai.completions',
  'openai.responses',
  'openai.embeddings',
  'anthropic.messages',
  'gemini.interactions',
  'openai.transcriptions',
]

/** What is wrong in its reading; undefined: nothing. */
function mistakeIn(recording: Recording): string | undefined {
  const { status, headers } = recording.response
  const reading = recording.stream
    ? readStreamed(recording, [7, 64, 1, 300]).reading
    : meteredOf(endpointOf(recording)).readAnswer(status, bytesOf(recording), headers)
  if (reading.hasUnknownCounts === true) return `${recording.id}: a count that is not known: ${JSON.stringify(reading.raw)}`
  const accepted = [recording.expected, ...(recording.expected_alternatives ?? [])]
  if (accepted.some((expected) => isExact(reading, expected))) return undefined
  return `${recording.id}: ${JSON.stringify(reading.reported)} instead of ${JSON.stringify(recording.expected)}`
}

const names = new Set([
  ...apiShapes.flatMap(({ endpoints }) => endpoints.filter(({ admission }) => admission.kind === 'metered').map(({ name }) => name)),
  'rerank',
])

test('the usage of an answer of each API, as its reference writes it, is exactly what it reports', () => {
  expect(writtenAnswers.map(mistakeIn).filter((mistake) => mistake !== undefined)).toEqual([])
})

describe.skipIf(!hasRecordings)('recorded answers', () => {
  test('the usage is exactly what the provider reported', () => {
    const recordings = readRecordings(names).filter(({ kind }) => kind !== 'retrieve')
    const mistakes = recordings.map(mistakeIn)
    expect(mistakes.filter((mistake) => mistake !== undefined)).toEqual([])
    expect(recordings.length).toBeGreaterThan(500)
  })

  test('however a stream is cut, the same is read, and every byte is relayed', () => {
    const streams = readRecordings(new Set(FAMILIES)).filter(({ stream, response }) => stream && response.body.length < 30_000)
    fc.assert(
      fc.property(
        fc.constantFrom(...streams),
        fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 20 }),
        (recording, pieces) => {
          const whole = readStreamed(recording, [1 << 30])
          const cut = readStreamed(recording, pieces)
          expect(cut.reading).toEqual(whole.reading)
          expect(cut.relayed.equals(bytesOf(recording))).toBe(true)
        },
      ),
      { numRuns: 300 },
    )
  })

  test('what is charged never has a part that is more than its whole', () => {
    for (const recording of readRecordings(new Set(FAMILIES)).filter(({ stream }) => !stream)) {
      const reading = meteredOf(recording.family).readAnswer(recording.response.status, bytesOf(recording), recording.response.headers)
      const tokens = chargedTokens(reading.reported === undefined ? { kind: 'none' } : { kind: 'reported', counts: reading.reported })
      expect(tokens.input.cached).toBeLessThanOrEqual(tokens.input.total)
      expect(tokens.output.reasoning).toBeLessThanOrEqual(tokens.output.total)
    }
  })
})

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { bytesOf, type Expected, hasRecordings, readRecordings, type Recording } from '../../../test/e2e/recordings.ts'
import type { AnswerReading, Metered } from '../provider.ts'
import { bedrock } from './shape.ts'
import type { TokenCounts } from '../../domain/usage/usage.ts'

/** What every recorded answer of Bedrock's says of its use, read from its bytes, however they are cut. */

const FAMILIES = ['bedrock.converse', 'bedrock.invoke']

function meteredOf({ family, request }: Recording): Metered {
  const action = request.path.split('/').at(-1) ?? ''
  const found = bedrock.endpoints.find(({ name, path }) => name === family && path.endsWith(`/${action}`))
  if (found?.admission.kind !== 'metered') throw new Error(`no endpoint for ${family} ${request.path}`)
  return found.admission
}

const FIELDS = [
  ['input_tokens', ({ input }: TokenCounts) => input?.total],
  ['output_tokens', ({ output }: TokenCounts) => output?.total],
  ['cached_input_tokens', ({ input }: TokenCounts) => input?.cached],
  ['cache_write_tokens', ({ input }: TokenCounts) => input?.cacheWrite],
  ['reasoning_tokens', ({ output }: TokenCounts) => output?.reasoning],
] as const

function isExact({ reported = {} }: AnswerReading, expected: Expected): boolean {
  return FIELDS.every(([field, countIn]) => {
    const count = countIn(reported)
    return (count ?? null) === expected[field] || (expected[field] === 0 && count === undefined)
  })
}

function readStreamed(recording: Recording, sizes: readonly number[]): { readonly reading: AnswerReading; readonly relayed: Buffer } {
  const stream = meteredOf(recording).readStream(false, recording.response.headers)
  const bytes = bytesOf(recording)
  const relayed: Buffer[] = []
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const next = at + (sizes[i % sizes.length] ?? 1)
    relayed.push(stream.push(bytes.subarray(at, next)))
    at = next
  }
  relayed.push(stream.end())
  return { reading: stream.reading(), relayed: Buffer.concat(relayed) }
}

function readingOf(recording: Recording): AnswerReading {
  const { status, headers } = recording.response
  if (recording.stream && status < 400) return readStreamed(recording, [7, 64, 1, 300]).reading
  return meteredOf(recording).readAnswer(status, bytesOf(recording), headers)
}

const isCut = ({ response }: Recording) => response.truncated_at_byte !== undefined

describe.skipIf(!hasRecordings)('recorded answers of Bedrock', () => {
  test.each(FAMILIES)('%s: the usage is exactly what the service reported', (family) => {
    const recordings = readRecordings(new Set([family]))
    const wrong = recordings.flatMap((recording) => {
      const reading = readingOf(recording)
      const accepted = [recording.expected, ...(recording.expected_alternatives ?? [])]
      if (accepted.some((expected) => isExact(reading, expected))) return []
      return [`${recording.id}: ${JSON.stringify(reading.reported)} instead of ${JSON.stringify(recording.expected)}`]
    })
    console.log(`${family}: ${recordings.length - wrong.length} exact of ${recordings.length}`)
    expect(wrong).toEqual([])
  })

  test('a whole answer needs no estimate, one that was cut does', () => {
    const answered = readRecordings(new Set(FAMILIES)).filter(({ response }) => response.status < 400)
    expect(answered.filter((recording) => !isCut(recording) && !readingOf(recording).isComplete).map(({ id }) => id)).toEqual([])
    expect(answered.filter((recording) => isCut(recording) && readingOf(recording).isComplete).map(({ id }) => id)).toEqual([])
    expect(answered.filter((recording) => isCut(recording) && readingOf(recording).produced === '').map(({ id }) => id)).toEqual([])
  })

  test('however a stream is cut, the same is read, and every byte is relayed', () => {
    const streams = readRecordings(new Set(FAMILIES)).filter(({ stream, response }) => stream && response.body.length < 40_000)
    fc.assert(
      fc.property(
        fc.constantFrom(...streams),
        fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 20 }),
        (recording, sizes) => {
          const whole = readStreamed(recording, [1 << 30])
          const cut = readStreamed(recording, sizes)
          expect(cut.reading).toEqual(whole.reading)
          expect(cut.relayed.equals(bytesOf(recording))).toBe(true)
        },
      ),
      { numRuns: 300 },
    )
  })

  test('no request used more input than its bound', () => {
    const wrong = readRecordings(new Set(FAMILIES)).flatMap((recording) => {
      const { id, model, request, response, expected } = recording
      if (('omitted' in request && request.omitted !== 0) || typeof request.body !== 'object' || request.body === null) return []
      if (response.status >= 400 || expected.input_tokens === null) return []
      const body = Buffer.from(JSON.stringify(request.body))
      const { facts } = meteredOf(recording).readRequest(body, { model: model ?? '' }, '')
      return facts.inputBound < expected.input_tokens ? [`${id}: ${expected.input_tokens} of ${facts.inputBound}`] : []
    })
    expect(wrong).toEqual([])
  })
})

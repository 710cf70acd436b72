import { describe, expect, test } from 'vitest'
import { bytesOf, hasRecordings, readRecordings, type Recording } from '../../test/e2e/recordings.ts'
import { writtenAnswers } from '../../test/support/written-answers.ts'
import { chargedTokens, type TokenCounts, totalTokens } from '../domain/usage/usage.ts'
import type { AnswerReading, Metered } from './provider.ts'
import { apiShapes } from './registry.ts'

/*
 * Streams, written ones and where the machine has them recorded ones, cut and damaged at random. Whatever comes, reading neither fails nor takes long, and where the events that
 * report usage came through whole, nothing less is charged than they say.
 */

const RUNS = Number(process.env['FUZZ_RUNS'] ?? 100_000)
const READ_MS_MAX = 2000

const endpoints = new Map(apiShapes.flatMap((shape) => shape.endpoints.map(({ name, admission }) => [name, admission])))

function countsIn({ input = {}, output = {}, ...beside }: TokenCounts = {}): readonly number[] {
  return [...Object.values(input), ...Object.values(output), ...Object.values(beside)]
}

function meteredOf(family: string): Metered | undefined {
  const admission = endpoints.get(family)
  return admission?.kind === 'metered' ? admission : undefined
}

/** A small generator, so that a failing run is found again by its seed (mulberry32). */
function randomOf(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 4_294_967_296) * below)
  }
}

function readInPieces(metered: Metered, headers: Recording['response']['headers'], bytes: Buffer, random: (below: number) => number) {
  const stream = metered.readStream(false, headers)
  let relayed = 0
  for (let at = 0; at < bytes.length;) {
    const next = Math.min(bytes.length, at + 1 + random(random(4) === 0 ? 8 : 2000))
    relayed += stream.push(bytes.subarray(at, next)).length
    at = next
  }
  relayed += stream.end().length
  return { reading: stream.reading(), relayed }
}

/** Up to four times: a byte changed, a piece taken out, a piece said twice, random bytes put in, the end cut off. */
function damaged(bytes: Buffer, random: (below: number) => number): Buffer {
  let result = bytes
  for (let times = 1 + random(4); times > 0 && result.length > 0; times--) {
    const at = random(result.length)
    const end = Math.min(result.length, at + 1 + random(64))
    const [before, piece, after] = [result.subarray(0, at), result.subarray(at, end), result.subarray(end)]
    const noise = Buffer.from(Array.from({ length: 1 + random(8) }, () => random(256)))
    const kinds = [[before, noise, after], [before, after], [before, piece, piece, after], [before, noise, piece, after], [before]]
    result = Buffer.concat(kinds[random(kinds.length)] ?? [])
  }
  return result
}

/** The events of a stream of text, by the blank lines between them; of another stream it is one. */
function eventsOf(bytes: Buffer): readonly string[] {
  return bytes.toString('latin1').split(/\r?\n\r?\n/)
}

const isReport = (event: string): boolean => event.includes('sage')

/** Whether every event that reports usage came through whole, and nothing else speaks of usage. */
function keepsReports(reports: readonly string[], input: Buffer): boolean {
  const left = eventsOf(input).filter(isReport)
  return reports.length > 0 && left.length === reports.length && left.every((event, i) => event === reports[i])
}

/** The places behind which everything that reports usage stands, and before which nothing does: damage there costs no report. */
function textBeforeUsage(bytes: Buffer): number {
  const first = bytes.indexOf('sage')
  return first < 0 ? 0 : bytes.lastIndexOf('\n\n', first)
}

function chargeOf({ reported }: AnswerReading): number {
  return reported === undefined ? 0 : totalTokens(chargedTokens({ kind: 'reported', counts: reported }))
}

describe(`${RUNS} damaged streams`, () => {
  const streams = [...writtenAnswers, ...(hasRecordings ? readRecordings(new Set(endpoints.keys())) : [])]
    .filter(({ stream, family, response }) => stream && response.body.length < 12_000 && meteredOf(family) !== undefined)
    .map((recording) => ({ ...recording, bytes: bytesOf(recording) }))
    .map((recording) => ({
      ...recording,
      reports: eventsOf(recording.bytes).filter(isReport),
      charge: chargeOf(readInPieces(meteredOf(recording.family)!, recording.response.headers, recording.bytes, () => 1999).reading),
    }))

  test('are read to their end, quickly, and charged no less than a report that came through whole says', { timeout: 300_000 }, () => {
    let whole = 0
    for (let seed = 0; seed < RUNS; seed++) {
      const random = randomOf(seed)
      const { family, response, bytes, id, reports, charge } = streams[random(streams.length)]!
      const input = damaged(bytes, random)
      const startedAt = performance.now()
      const { reading, relayed } = readInPieces(meteredOf(family)!, response.headers, input, random)
      const message = `seed ${seed}, ${id}`
      expect(performance.now() - startedAt, message).toBeLessThan(READ_MS_MAX)
      expect(relayed, message).toBe(input.length)
      for (const count of countsIn(reading.reported)) expect(Number.isSafeInteger(count) && count >= 0, message).toBe(true)
      if (!keepsReports(reports, input)) continue
      whole++
      expect(chargeOf(reading), message).toBeGreaterThanOrEqual(charge)
    }
    expect(whole).toBeGreaterThan(RUNS / 12)
  })

  test('that were damaged before the first report are charged no less than it says', { timeout: 300_000 }, () => {
    let tried = 0
    for (let seed = 0; seed < RUNS / 4; seed++) {
      const random = randomOf(seed)
      const { family, response, bytes, id } = streams[random(streams.length)]!
      const safe = textBeforeUsage(bytes)
      if (safe < 16) continue
      tried++
      const metered = meteredOf(family)!
      const input = Buffer.concat([damaged(bytes.subarray(0, safe), random), Buffer.from('\n\n'), bytes.subarray(safe)])
      const whole = readInPieces(metered, response.headers, bytes, () => 1999).reading
      const { reading } = readInPieces(metered, response.headers, input, random)
      expect(chargeOf(reading), `seed ${seed}, ${id}`).toBeGreaterThanOrEqual(chargeOf(whole))
    }
    expect(tried).toBeGreaterThan(RUNS / 40)
  })
})

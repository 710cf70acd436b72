import { DatabaseSync } from 'node:sqlite'
import { randomInt } from 'node:crypto'
import { request as httpRequest } from 'node:http'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { App } from '../../src/compose.ts'
import { KEY, remove, startInProcess, tempDir } from './bursar.ts'
import { bytesOf, type Expected, hasRecordings, readRecordings, type Recording } from './recordings.ts'
import { startUpstream, type Upstream } from './upstream.ts'

/** Every recorded exchange of these APIs, through the running gateway, served in random pieces. */

const PATHS: Readonly<Record<string, string>> = {
  'openai.chat': '/v1/chat/completions',
  'openai.completions': '/v1/completions',
  'openai.responses': '/v1/responses',
  'openai.embeddings': '/v1/embeddings',
  'anthropic.messages': '/v1/messages',
}

const COUNTS = ['input', 'cachedInput', 'cacheWrite', 'output', 'reasoning'] as const
const FIELDS = {
  input: 'input_tokens',
  cachedInput: 'cached_input_tokens',
  cacheWrite: 'cache_write_tokens',
  output: 'output_tokens',
  reasoning: 'reasoning_tokens',
} as const

interface Row {
  usage_kind: string
  input: number
  cached_input: number
  cache_write: number
  output: number
  reasoning: number
}

describe.skipIf(!hasRecordings)('recordings', () => {
  const dir = tempDir()
  const byId = new Map<string, Recording>()
  let upstream: Upstream
  let bursar: App

  beforeAll(async () => {
    upstream = await startUpstream(async ({ headers }, response) => {
      const recording = byId.get(String(headers['x-recording']))
      if (recording === undefined) throw new Error('no such recording')
      const { 'content-length': _, ...kept } = recording.response.headers
      response.writeHead(recording.response.status, kept)
      for (const piece of cut(bytesOf(recording))) {
        response.write(piece)
        await new Promise((resolve) => setImmediate(resolve))
      }
      if (recording.response.truncated_at_byte === undefined) response.end()
      else response.socket?.end(() => response.destroy())
    })
    bursar = await startInProcess({
      upstreamUrl: upstream.url,
      dir,
      budgets: '  - { id: global, name: Global, limit: { tokens: 9000M }, hard_cap: true }',
    })
  })

  afterAll(async () => {
    await upstream.close()
    remove(dir)
  })

  test('every recording is relayed byte for byte and charged exactly what its provider reported', async () => {
    const recordings = readRecordings(new Set(Object.keys(PATHS))).filter(({ kind }) => kind !== 'retrieve')
    const calls = new Map<string, string>()
    for (const recording of recordings) {
      byId.set(recording.id, recording)
      calls.set(recording.id, await replay(bursar.url, recording))
    }
    // What the provider still works on reports nothing yet, and is charged when it has ended.
    const deferred = new Set<string | undefined>((await bursar.engine.deferred()).map(({ call }) => call.id))
    await bursar.close()
    const rows = readRows(dir)
    const wrong = recordings.flatMap((recording) => {
      const call = calls.get(recording.id)
      const row = rows.get(call ?? '')
      if (deferred.has(call)) return recording.expected.input_tokens === null ? [] : [`${recording.id}: not charged yet`]
      return row === undefined ? [`${recording.id}: not in the ledger`] : differences(recording, row)
    })
    for (const family of Object.keys(PATHS)) {
      const ofFamily = recordings.filter((recording) => recording.family === family)
      const bad = ofFamily.filter(({ id }) => wrong.some((line) => line.startsWith(`${id}:`)))
      console.log(`${family}: ${ofFamily.length - bad.length} exact of ${ofFamily.length}`)
    }
    expect(wrong).toEqual([])
    expect(recordings.length).toBeGreaterThan(700)
  }, 300_000)
})

function* cut(bytes: Buffer): Iterable<Buffer> {
  const most = Math.max(2, Math.ceil(bytes.length / randomInt(1, 30)))
  for (let at = 0; at < bytes.length;) {
    const next = Math.min(bytes.length, at + randomInt(1, most))
    yield bytes.subarray(at, next)
    at = next
  }
}

function requestBody(recording: Recording): string {
  const recorded = recording.request.body
  const known =
    typeof recorded === 'object' && recorded !== null ? recorded : { messages: [{ role: 'user', content: 'x' }], input: 'x', prompt: 'x' }
  return JSON.stringify({ ...known, model: recording.model ?? 'unknown-model', ...(recording.stream ? { stream: true } : {}) })
}

/** Sends the recorded request, compares the answer's bytes, and returns the call's id. */
async function replay(url: string, recording: Recording): Promise<string> {
  const { status, headers, body } = await send(url + (PATHS[recording.family] ?? ''), requestBody(recording), {
    authorization: `Bearer ${KEY}`,
    'content-type': 'application/json',
    'x-recording': recording.id,
    ...(recording.family === 'anthropic.messages' ? { 'anthropic-version': '2023-06-01' } : {}),
  })
  expect(status, recording.id).toBe(recording.response.status)
  const expected = visible(recording)
  if (!body.equals(expected)) expect(body.toString(), recording.id).toBe(expected.toString())
  return String(headers['x-bursar-call'])
}

/** What the client may see: the recorded bytes, without a usage chunk that it did not ask for. */
function visible(recording: Recording): Buffer {
  const bytes = bytesOf(recording)
  const asked = (recording.request.body as { stream_options?: { include_usage?: boolean } } | null)?.stream_options?.include_usage === true
  const isHiding = recording.stream && !asked && (recording.family === 'openai.chat' || recording.family === 'openai.completions')
  if (!isHiding || recording.response.status >= 400) return bytes
  const text = bytes.toString('latin1')
  const events = text.match(/[\s\S]*?(?:\r\n\r\n|\n\n|$)/g) ?? []
  return Buffer.from(events.filter((event) => !isUsageChunk(event)).join(''), 'latin1')
}

function isUsageChunk(event: string): boolean {
  const data = /^data: ?(\{.*\})\s*$/m.exec(event)?.[1]
  if (data === undefined) return false
  try {
    const { choices, usage } = JSON.parse(data) as { choices?: unknown[]; usage?: unknown }
    return Array.isArray(choices) && choices.length === 0 && typeof usage === 'object' && usage !== null
  } catch {
    return false
  }
}

function send(
  url: string,
  body: string,
  headers: Record<string, string>,
): Promise<{ status: number; headers: NodeJS.Dict<string | string[]>; body: Buffer }> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(url, { method: 'POST', headers }, (response) => {
      const chunks: Buffer[] = []
      const done = () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) })
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('end', done)
      // A recording that was cut ends in a broken connection, for the client too.
      response.on('error', done)
    })
    request.on('error', reject)
    request.end(body)
  })
}

function readRows(dir: string): ReadonlyMap<string, Row> {
  const db = new DatabaseSync(`${dir}/data/ledger.db`, { readOnly: true })
  const rows = db
    .prepare('SELECT id, usage_kind, input, cached_input, cache_write, output, reasoning FROM calls')
    .all() as unknown as (Row & { id: string })[]
  db.close()
  return new Map(rows.map((row) => [row.id, row]))
}

function differences(recording: Recording, row: Row): string[] {
  const charged = {
    input: row.input,
    cachedInput: row.cached_input,
    cacheWrite: row.cache_write,
    output: row.output,
    reasoning: row.reasoning,
  }
  const accepted = [recording.expected, ...(recording.expected_alternatives ?? [])]
  if (accepted.some((expected) => isExact(charged, expected))) return []
  return [`${recording.id}: charged ${JSON.stringify(charged)} (${row.usage_kind}), expected ${JSON.stringify(recording.expected)}`]
}

/** A part is never more than its whole in what is charged; the provider's own figure may be. */
function isExact(charged: Readonly<Record<(typeof COUNTS)[number], number>>, expected: Expected): boolean {
  return COUNTS.every((name) => {
    const value = expected[FIELDS[name]]
    if (value === null) return true
    const whole =
      name === 'cachedInput' || name === 'cacheWrite' ? expected.input_tokens : name === 'reasoning' ? expected.output_tokens : null
    return charged[name] === (whole === null ? value : Math.min(value, whole))
  })
}

import { DatabaseSync } from 'node:sqlite'
import { randomInt } from 'node:crypto'
import { request as httpRequest } from 'node:http'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { App } from '../../src/compose.ts'
import { pathTemplate } from '../../src/gateway/path-template.ts'
import type { Endpoint, PathValues } from '../../src/providers/provider.ts'
import { apiShapes } from '../../src/providers/registry.ts'
import { KEY, remove, startInProcess, tempDir } from './bursar.ts'
import { bytesOf, type Expected, hasRecordings, readRecordings, type Recording } from './recordings.ts'
import { startUpstream, type Upstream } from './upstream.ts'

/** Every recorded exchange, through the running gateway, by the path on which it was recorded, served in random pieces. */

const APIS = apiShapes.map(({ api }) => api)

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
  held_input: number
}

/** `free`: what costs nothing and is not charged. `refused`: an API that Bursar does not speak, so that nothing is forwarded. */
type Outcome = 'exact' | 'free' | 'refused' | 'deferred' | 'wrong' | 'silently zero'

interface Answer {
  readonly status: number
  readonly call: string | undefined
}

describe.skipIf(!hasRecordings)('recordings', () => {
  const dir = tempDir()
  const byId = new Map<string, Recording>()
  let upstream: Upstream
  let bursar: App

  beforeAll(async () => {
    upstream = await startUpstream(async ({ headers }, response) => {
      const recording = byId.get(String(headers['x-recording']))
      // Bursar itself asks what became of responses in the background.
      if (recording === undefined) return void response.writeHead(503).end()
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
      // Recorded requests name what others made.
      keys: `  - { name: tester, secret: ${KEY}, team: research, project: lab, allow: [user, tag.*], objects: all }`,
      upstreamUrl: upstream.url,
      dir,
      providers: APIS.map(
        (api) => `  at-${api}: { api: ${api}, base_url: ${upstream.url}, api_key: k, forward_headers: [x-recording] }`,
      ).join('\n'),
      budgets: '  - { id: global, name: Global, limit: { tokens: 90_000M }, hard_cap: true }',
    })
  })

  afterAll(async () => {
    await upstream.close()
    remove(dir)
  })

  test('every recording is relayed byte for byte and charged exactly what its provider reported', async () => {
    const recordings = readRecordings()
    const answers = new Map<Recording, Answer>()
    for (const recording of recordings) {
      byId.set(recording.id, recording)
      answers.set(recording, await replay(bursar.url, recording))
    }
    // What the provider still works on reports nothing yet, and is charged when it has ended.
    const deferred = new Set<string | undefined>((await bursar.engine.deferred()).map(({ call }) => call.id))
    await bursar.close()
    const rows = readRows(dir)
    const outcomes = new Map(recordings.map((recording) => [recording, outcomeOf(recording, answers.get(recording), { rows, deferred })]))
    console.log(tableOf(outcomes, ({ provider }) => provider))
    console.log(tableOf(outcomes, ({ family }) => family))

    const are = (wanted: Outcome) => recordings.filter((recording) => outcomes.get(recording) === wanted)
    const shown = (recording: Recording) => {
      const row = rows.get(answers.get(recording)?.call ?? '')
      return `${recording.id}: ${JSON.stringify(row)} instead of ${JSON.stringify(recording.expected)}`
    }
    expect(are('wrong').map(shown)).toEqual([])
    expect(are('silently zero').map(shown)).toEqual([])
    // Responses in the background, whose answer says nothing yet: they are held, and charged when they have ended.
    expect(are('deferred').every(({ expected }) => expected.input_tokens === null)).toBe(true)
    expect(new Set(are('refused').map(({ family }) => family)).difference(NOT_SPOKEN)).toEqual(new Set())
    expect(recordings.length).toBeGreaterThan(1200)

    const unbound = recordings.filter((recording) => isWholeRequest(recording) && isOver(rows.get(answers.get(recording)?.call ?? '')))
    expect(unbound.map(shown), 'no request used more than its bound').toEqual([])
    expect(recordings.filter(isOverRefined).map(shown), 'nor than a tokenizer says').toEqual([])
  }, 300_000)
})

/** APIs that are no part of what Bursar speaks; it forwards none of their calls. */
const NOT_SPOKEN: ReadonlySet<string> = new Set([
  'aleph-alpha.complete', 'huggingface.tgi', 'mistral.ocr', 'openai.assistant-runs', 'replicate.predictions', 'sagemaker.invoke',
  'watsonx.generation',
]) // prettier-ignore

function outcomeOf(
  recording: Recording,
  answer: Answer | undefined,
  { rows, deferred }: { readonly rows: ReadonlyMap<string, Row>; readonly deferred: ReadonlySet<string | undefined> },
): Outcome {
  if (answer === undefined) return 'wrong'
  if (answer.call === undefined) return answer.status === recording.response.status ? freeOrWrong(recording) : 'refused'
  if (deferred.has(answer.call)) return 'deferred'
  const row = rows.get(answer.call)
  if (row === undefined) return 'wrong'
  if (isSilentlyZero(recording, row)) return 'silently zero'
  const accepted = [recording.expected, ...(recording.expected_alternatives ?? [])]
  return accepted.some((expected) => isExact(toCharged(row), expected)) ? 'exact' : 'wrong'
}

/** What costs nothing, or restates what was charged before. */
function freeOrWrong({ kind }: Recording): Outcome {
  return kind === 'count_tokens' || kind === 'retrieve' || kind === 'moderation' ? 'free' : 'wrong'
}

/** An answer that is charged nothing, though its provider did not say that it used nothing, and nobody is told. */
function isSilentlyZero({ response, kind, quirks, expected }: Recording, row: Row): boolean {
  const isCounted = response.status < 400 && kind !== 'count_tokens' && !quirks.includes('usage_not_in_tokens')
  const saysZero = expected.input_tokens === 0 && (expected.output_tokens ?? 0) === 0
  return isCounted && !saysZero && row.usage_kind !== 'estimated' && row.input + row.output === 0 && !isErrorBody(response.body)
}

/** Azure's filter answers 200 with an error: nothing was used. */
function isErrorBody(body: string): boolean {
  return /^\s*\{\s*"error"|^event: error/.test(body)
}

function isWholeRequest({ request }: Recording): boolean {
  return request.omitted === 0 && typeof request.body === 'object' && request.body !== null
}

function isOver(row: Row | undefined): boolean {
  return row !== undefined && row.usage_kind === 'reported' && row.input > row.held_input
}

/** What continues an earlier answer has its input too, which no tokenizer sees. */
function isOverRefined(recording: Recording): boolean {
  const { endpoint, values } = placeOf(recording) ?? {}
  if (!isWholeRequest(recording) || endpoint?.admission.kind !== 'metered') return false
  const { facts, json } = endpoint.admission.readRequest(Buffer.from(requestOf(recording).body), values ?? {}, 'application/json')
  const bound = endpoint.admission.refineInputBound?.(json) ?? Infinity
  return facts.continues === undefined && facts.unknownInput === undefined && bound < (recording.expected.input_tokens ?? 0)
}

const OUTCOMES: readonly Outcome[] = ['exact', 'free', 'deferred', 'refused', 'wrong', 'silently zero']

function tableOf(outcomes: ReadonlyMap<Recording, Outcome>, by: (recording: Recording) => string): string {
  const groups = [...Map.groupBy(outcomes.keys(), by)].toSorted(([a], [b]) => a.localeCompare(b))
  const line = (name: string, of: readonly Recording[]) => {
    const counts = OUTCOMES.map((outcome) => [outcome, of.filter((recording) => outcomes.get(recording) === outcome).length] as const)
    const rest = counts.filter(([outcome, count]) => outcome !== 'exact' && count > 0).map(([outcome, count]) => `, ${count} ${outcome}`)
    return `${name.padEnd(26)} ${counts[0]?.[1] ?? 0} exact of ${of.length}${rest.join('')}`
  }
  return [...groups.map(([name, of]) => line(name, of)), line('all', [...outcomes.keys()])].join('\n')
}

function* cut(bytes: Buffer): Iterable<Buffer> {
  const most = Math.max(2, Math.ceil(bytes.length / randomInt(1, 30)))
  for (let at = 0; at < bytes.length;) {
    const next = Math.min(bytes.length, at + randomInt(1, most))
    yield bytes.subarray(at, next)
    at = next
  }
}

const BODY_OF: Readonly<Record<string, object>> = {
  'bedrock.converse': { messages: [{ role: 'user', content: [{ text: 'x' }] }] },
  'bedrock.invoke': { prompt: 'x' },
  'gemini.generateContent': { contents: [{ parts: [{ text: 'x' }] }] },
}

const FORM = ['--b', 'content-disposition: form-data; name="model"', '', 'whisper-1', '--b--', ''].join('\r\n')

interface Sent {
  readonly body: string
  readonly type: string
}

function requestOf(recording: Recording): Sent {
  const { body: recorded, path } = recording.request
  if (path.includes('/audio/')) return { body: FORM, type: 'multipart/form-data; boundary=b' }
  const isObject = typeof recorded === 'object' && recorded !== null
  const known = isObject ? recorded : (BODY_OF[recording.family] ?? { messages: [{ role: 'user', content: 'x' }], input: 'x', prompt: 'x' })
  const isModelInPath = /\/models?\/[^/]+|\/deployments\//.test(path) && !path.startsWith('/models/chat')
  const model = isModelInPath ? {} : { model: recording.model ?? 'unknown-model' }
  const stream = recording.stream && !/^(?:bedrock|gemini\.generate)/.test(recording.family) ? { stream: true } : {}
  return { body: JSON.stringify({ ...known, ...model, ...stream }), type: 'application/json' }
}

interface Place {
  /** The path on which a client reaches it, below a provider. */
  readonly path: string
  readonly endpoint: Endpoint
  readonly values: PathValues
}

/** The endpoint that the recording is of; undefined where no API has it. */
function placeOf(recording: Recording): Place | undefined {
  const [path = '', query] = recording.request.path.split('?')
  const apis = [apiOf(recording), ...(/^(?:rerank|count_tokens)$/.test(recording.family) ? APIS : [])]
  const tails = [...path.matchAll(/\//g)].map(({ index }) => path.slice(index))
  const found = apis.flatMap((api) => tails.flatMap((tail) => placesAt(api, recording.request.method, tail))).at(0)
  return found && { ...found, path: found.path + (query === undefined ? '' : `?${query}`) }
}

function placesAt(api: string, method: string, upstreamPath: string): readonly Place[] {
  const endpoints = apiShapes.find((shape) => shape.api === api)?.endpoints ?? []
  return endpoints.flatMap((endpoint) => {
    const values = endpoint.method === method ? pathTemplate(endpoint.upstreamPath).match(upstreamPath) : undefined
    return values === undefined ? [] : [{ endpoint, values, path: `/at-${api}${pathTemplate(endpoint.path).fill(values)}` }]
  })
}

function apiOf({ family, provider, request }: Recording): string {
  if (family.startsWith('gemini.')) return request.path.includes('/publishers/') ? 'vertex' : 'gemini'
  if (provider.startsWith('azure-')) return 'azure'
  return family.split('.')[0] ?? ''
}

/** Sends the recorded request, and compares the answer's bytes. */
async function replay(url: string, recording: Recording): Promise<Answer> {
  const path = placeOf(recording)?.path ?? `/at-openai${recording.request.path}`
  const { method } = recording.request
  const sent = method === 'GET' ? { body: '', type: 'application/json' } : requestOf(recording)
  const { status, headers, body } = await send(url + path, sent.body, {
    method,
    headers: {
      authorization: `Bearer ${KEY}`,
      'content-type': sent.type,
      'x-recording': recording.id,
      ...(recording.family === 'anthropic.messages' ? { 'anthropic-version': '2023-06-01' } : {}),
    },
  })
  const call = headers['x-bursar-call']
  if (status === 404 && body.toString().includes('unsupported_path')) return { status, call: undefined }
  expect(status, `${recording.id}: ${body.toString().slice(0, 300)}`).toBe(recording.response.status)
  const expected = visible(recording)
  if (!body.equals(expected)) expect(body.toString(), recording.id).toBe(expected.toString())
  return { status, call: call === undefined ? undefined : String(call) }
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
  options: { readonly method: string; readonly headers: Record<string, string> },
): Promise<{ status: number; headers: NodeJS.Dict<string | string[]>; body: Buffer }> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(url, options, (response) => {
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
    .prepare('SELECT id, usage_kind, input, cached_input, cache_write, output, reasoning, held_input FROM calls')
    .all() as unknown as (Row & { id: string })[]
  db.close()
  return new Map(rows.map((row) => [row.id, row]))
}

function toCharged(row: Row): Readonly<Record<(typeof COUNTS)[number], number>> {
  return { input: row.input, cachedInput: row.cached_input, cacheWrite: row.cache_write, output: row.output, reasoning: row.reasoning }
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

import { once } from 'node:events'
import { createServer, type Server } from 'node:net'
import type { AddressInfo } from 'node:net'
import zlib from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { App } from '../../src/compose.ts'
import { api, post, remove, startInProcess, statusOf, tempDir, until } from './bursar.ts'

/*
 * Answers that are not what they are called, or are broken: each byte as a provider may send it. What they used is read all the
 * same, or estimated; nothing hangs, no hold stays, and what a client did not ask for stays hidden.
 */

const dir = tempDir()
let provider: Server
let bursar: App
/** What the provider sends for the next request, in pieces. */
let pieces: readonly (string | Buffer)[] = []

beforeAll(async () => {
  provider = createServer((socket) => {
    socket.on('error', () => undefined)
    socket.once('data', async () => {
      for (const piece of pieces) {
        socket.write(piece)
        await new Promise(setImmediate)
      }
      socket.end()
    })
  }).listen(0, '127.0.0.1')
  await once(provider, 'listening')
  const url = `http://127.0.0.1:${(provider.address() as AddressInfo).port}`
  bursar = await startInProcess({
    upstreamUrl: url,
    dir,
    timeout: '2s',
    budgets: '  - { id: global, limit: { tokens: 100M }, hard_cap: true }',
    providers: `  gemini: { api: gemini, base_url: "${url}", api_key: x }
  ollama: { api: ollama, base_url: "${url}" }
  bedrock: { api: bedrock, base_url: "${url}", api_key: x, region: us-east-1 }
  cohere: { api: cohere, base_url: "${url}", api_key: x }`,
  })
})

afterAll(async () => {
  await bursar.close()
  provider.close()
  remove(dir)
})

interface Seen {
  readonly status: number
  readonly text: string
  readonly headers: Headers
  readonly isBroken: boolean
  readonly used: number
  readonly isEstimated: boolean
}

const estimatedCalls = async () => (await api<{ rows: { estimated_calls: number }[] }>(bursar.url, 'usage')).rows[0]?.estimated_calls ?? 0

async function ask(path: string, body: object): Promise<Seen> {
  const before = { used: (await statusOf(bursar.url, 'global')).used, estimated: await estimatedCalls() }
  const response = await post(bursar.url, path, body)
  let text = ''
  let isBroken = false
  try {
    const decoder = new TextDecoder()
    for await (const part of response.body ?? []) text += decoder.decode(part as Uint8Array, { stream: true })
  } catch {
    isBroken = true
  }
  await until(() => bursar.engine.callsInFlight() === 0)
  const { used, held } = await statusOf(bursar.url, 'global')
  expect(held).toBe(0)
  const isEstimated = (await estimatedCalls()) > before.estimated
  return { status: response.status, text, headers: response.headers, isBroken, used: used - before.used, isEstimated }
}

const CHAT = { model: 'some-model', max_tokens: 400, messages: [{ role: 'user', content: 'x' }] }
const USAGE = { prompt_tokens: 1200, completion_tokens: 340, total_tokens: 1540 }
const whole = JSON.stringify({ id: 'c', choices: [{ index: 0, message: { content: 'one two' }, finish_reason: 'stop' }], usage: USAGE })
const chunks = [
  { id: 'c', choices: [{ index: 0, delta: { content: 'one ' } }] },
  { id: 'c', choices: [{ index: 0, delta: { content: 'two' }, finish_reason: 'stop' }] },
  { id: 'c', choices: [], usage: USAGE },
].map((chunk) => JSON.stringify(chunk))
const events = `${chunks.map((chunk) => `data: ${chunk}\n\n`).join('')}data: [DONE]\n\n`

const head = (type: string | undefined, more = '') =>
  `HTTP/1.1 200 OK\r\n${type === undefined ? '' : `content-type: ${type}\r\n`}${more}connection: close\r\n\r\n`

const TYPES = [undefined, 'application/json; charset=utf-8', 'Text/Event-Stream', 'text/plain', 'application/x-ndjson']
const BODIES: readonly (readonly [string, string, boolean])[] = [
  ['events', events, true],
  ['events behind a byte order mark', `\uFEFF${events}`, true],
  ['events behind white space', `\n \n\n${events}`, true],
  ['events behind a comment', `: keep-alive\n\n${events}`, true],
  ['events with CRLF', events.replaceAll('\n', '\r\n'), true],
  ['one object', whole, false],
  ['one object behind white space', ` \n\n\r\n${whole}`, false],
  ['one object behind a byte order mark', `\uFEFF${whole}`, false],
  ['lines of JSON', chunks.join('\n'), false],
]

describe.each(TYPES)('called %s', (type) => {
  test.each(BODIES)('a stream was asked for, and %s come', async (_, body, hasChunk) => {
    pieces = [head(type), ...(body.match(/[^]{1,50}/gu) ?? [])]
    const seen = await ask('/v1/chat/completions', { ...CHAT, stream: true })
    expect(seen).toMatchObject({ status: 200, isBroken: false, used: 1540, isEstimated: false })
    expect(seen.text.includes('prompt_tokens')).toBe(!hasChunk)
    expect(seen.text).toContain('two')
  })

  test.each(BODIES)('no stream was asked for, and %s come: all of it is passed on', async (_, body) => {
    pieces = [head(type), body]
    const seen = await ask('/v1/chat/completions', CHAT)
    const isText = type === 'text/plain'
    expect({ ...seen, text: undefined }).toMatchObject({ status: 200, isBroken: false })
    expect(Buffer.from(seen.text.replace('\uFEFF', ''))).toEqual(Buffer.from(body.replace('\uFEFF', '')))
    if (!isText) expect(seen).toMatchObject({ used: 1540, isEstimated: false })
  })
})

const gemini = {
  candidates: [{ content: { parts: [{ text: 'one' }] } }],
  usageMetadata: { promptTokenCount: 1200, candidatesTokenCount: 340, totalTokenCount: 1540 },
}
const ollama = { message: { content: 'one' }, done: true, prompt_eval_count: 1200, eval_count: 340 }
const converse = { output: { message: { content: [{ text: 'one' }] } }, usage: { inputTokens: 1200, outputTokens: 340, totalTokens: 1540 } }
const contents = [{ role: 'user', parts: [{ text: 'x' }] }]

test.each<[string, string, object, [string, string]]>([
  ['Gemini: an array called events', '/v1beta/models/gemini-2.5-flash:streamGenerateContent', { contents }, ['text/event-stream', JSON.stringify([gemini])]],
  ['Gemini: events called JSON', '/v1beta/models/gemini-2.5-flash:streamGenerateContent', { contents }, ['application/json', `data: ${JSON.stringify(gemini)}\r\n\r\n`]],
  ['Gemini: an array where one object was asked for', '/v1beta/models/gemini-2.5-flash:generateContent', { contents }, ['application/json', JSON.stringify([gemini])]],
  ['Ollama: lines called events', '/api/chat', { model: 'm', messages: [] }, ['text/event-stream', `${JSON.stringify({ message: { content: 'one' } })}\n${JSON.stringify(ollama)}\n`]],
  ['Ollama: lines where one object was asked for', '/api/chat', { model: 'm', messages: [], stream: false }, ['application/json', `${JSON.stringify({ message: { content: 'one' } })}\n${JSON.stringify(ollama)}\n`]],
  ['Bedrock: JSON called an event stream', '/model/amazon.nova-lite-v1:0/converse-stream', { messages: [] }, ['application/vnd.amazon.eventstream', JSON.stringify(converse)]],
])('%s', async (_, path, body, [type, answer]) => {
  pieces = [head(type), answer]
  expect(await ask(path, body)).toMatchObject({ status: 200, used: 1540, isEstimated: false, text: answer })
}) // prettier-ignore

describe('encodings', () => {
  const ENCODE: Readonly<Record<string, (content: string) => Buffer>> = {
    gzip: (content) => zlib.gzipSync(content),
    'x-gzip': (content) => zlib.gzipSync(content),
    br: (content) => zlib.brotliCompressSync(content),
    deflate: (content) => zlib.deflateSync(content),
    zstd: (content) => zlib.zstdCompressSync(content),
  }
  const names = Object.keys(ENCODE)
  const encoded = (name: string, content: string) => ENCODE[name]?.(content) ?? Buffer.alloc(0)
  // Text that does not compress to nothing, so that it breaks where it is cut.
  const long = Array.from(
    { length: 400 },
    (_, i) => `data: ${JSON.stringify({ choices: [{ delta: { content: `${(i * 7919) % 1000} ` } }] })}\n\n`,
  ).join('')

  test.each(names)('a stream in %s is read and relayed, without what the client did not ask for', async (name) => {
    pieces = [head('text/event-stream', `content-encoding: ${name}\r\n`), encoded(name, events)]
    const seen = await ask('/v1/chat/completions', { ...CHAT, stream: true })
    expect(seen).toMatchObject({ isBroken: false, used: 1540, isEstimated: false })
    expect(seen.headers.get('content-encoding')).toBeNull()
    expect(seen.text).not.toContain('prompt_tokens')
  })

  test.each(names)('a stream in %s that breaks off ends so for the client, and is settled', async (name) => {
    const bytes = encoded(name, long)
    pieces = [head('text/event-stream', `content-encoding: ${name}\r\n`), bytes.subarray(0, bytes.length - 20)]
    expect(await ask('/v1/chat/completions', { ...CHAT, stream: true })).toMatchObject({ isBroken: true, isEstimated: true })
  })

  test.each(names)('a stream in %s with other bytes in it, or behind it, ends so for the client, and is settled', async (name) => {
    const bytes = encoded(name, long)
    const encoding = head('text/event-stream', `content-encoding: ${name}\r\n`)
    for (const at of [bytes.length >> 1, bytes.length]) {
      pieces = [encoding, bytes.subarray(0, at), 'broken broken broken', bytes.subarray(at)]
      expect(await ask('/v1/chat/completions', { ...CHAT, stream: true })).toMatchObject({ isBroken: true, isEstimated: true })
    }
  })

  test.each([...names, 'compress', 'gzip, br'])('a whole answer whose %s can not be read passes, charged as it was held', async (name) => {
    pieces = [head('application/json', `content-encoding: ${name}\r\n`), 'no such encoding']
    const before = (await statusOf(bursar.url, 'global')).used
    await post(bursar.url, '/v1/chat/completions', CHAT)
      .then((response) => response.text())
      .catch(() => undefined)
    await until(() => bursar.engine.callsInFlight() === 0)
    const used = (await statusOf(bursar.url, 'global')).used - before
    expect(used).toBeGreaterThan(400)
    expect(used).toBeLessThan(500)
  })

  test('a stream of millions of bytes made of hundreds is no answer', async () => {
    const bomb = zlib.zstdCompressSync(Buffer.alloc(64 << 20, 'x'))
    pieces = [head('text/event-stream', 'content-encoding: zstd\r\n'), bomb]
    const seen = await ask('/v1/chat/completions', { ...CHAT, stream: true })
    expect(seen.isBroken).toBe(true)
    expect(seen.text.length).toBeLessThan(32 << 20)
  }, 20_000)

  test('an encoded answer that is larger than is read passes as it is', async () => {
    const body = zlib.gzipSync(Buffer.alloc(80 << 20, ' '))
    pieces = [head('application/json', 'content-encoding: gzip\r\n'), body]
    const before = (await statusOf(bursar.url, 'global')).used
    const response = await post(bursar.url, '/v1/chat/completions', CHAT)
    expect(response.headers.get('content-encoding')).toBe('gzip')
    await response.body?.cancel()
    await until(() => bursar.engine.callsInFlight() === 0)
    expect((await statusOf(bursar.url, 'global')).used - before).toBeGreaterThan(400)
  }, 20_000)
})

describe('answers at the edge of HTTP', () => {
  const json = 'content-type: application/json\r\n'
  const sized = (body: string, length = Buffer.byteLength(body)) => `${json}content-length: ${length}\r\n\r\n${body}`

  test.each<[string, string, Partial<Seen>]>([
    ['early hints before it', `HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 200 OK\r\n${sized(whole)}`, { status: 200, used: 1540 }],
    ['102 before it', `HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 200 OK\r\n${sized(whole)}`, { status: 200, used: 1540 }],
    ['a redirect', `HTTP/1.1 308 Permanent Redirect\r\nlocation: http://other.example/\r\n${sized('')}`, { status: 502, used: 0 }],
    ['a redirect with a body', `HTTP/1.1 302 Found\r\nlocation: http://other.example/\r\n${sized(whole)}`, { status: 502, used: 0 }],
    ['101', 'HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n', { status: 502, used: 0 }],
    ['no bytes', '', { status: 502, used: 0 }],
    ['no HTTP', 'SSH-2.0-OpenSSH\r\n', { status: 502, used: 0 }],
    ['half a head', 'HTTP/1.1 200 OK\r\ncontent-ty', { status: 502, used: 0 }],
    ['two lengths', `HTTP/1.1 200 OK\r\ncontent-length: 5\r\n${sized(whole)}`, { status: 502, used: 0 }],
    ['more bytes than its length', `HTTP/1.1 200 OK\r\n${sized(`${whole}HTTP/1.1 200 OK\r\n\r\n`, Buffer.byteLength(whole))}`, { status: 200, used: 1540, text: whole }],
    ['trailers', `HTTP/1.1 200 OK\r\n${json}transfer-encoding: chunked\r\ntrailer: x-end\r\n\r\n${whole.length.toString(16)}\r\n${whole}\r\n0\r\nx-end: 1\r\n\r\n`, { status: 200, used: 1540, text: whole }],
    ['an unknown status', `HTTP/1.1 299 Fine\r\n${sized(whole)}`, { status: 299, used: 1540 }],
    ['a status beyond all', `HTTP/1.1 999 Request Denied\r\n${sized('{"error":{"message":"no"}}')}`, { status: 999, used: 0 }],
    ['two encodings that are none', `HTTP/1.1 200 OK\r\ncontent-encoding: identity\r\n${sized(whole)}`, { status: 200, used: 1540 }],
  ])('%s', async (_, bytes, expected) => {
    pieces = [bytes]
    expect(await ask('/v1/chat/completions', CHAT)).toMatchObject(expected)
  }) // prettier-ignore

  test.each([
    ['204', `HTTP/1.1 204 No Content\r\n\r\n`],
    ['an empty body', `HTTP/1.1 200 OK\r\n${sized('')}`],
  ])('%s is passed on, and its input estimated', async (_, bytes) => {
    pieces = [bytes]
    const seen = await ask('/v1/chat/completions', CHAT)
    expect(seen).toMatchObject({ text: '', isEstimated: true })
    expect(seen.used).toBeLessThan(20)
  })

  test.each([false, true])('fewer bytes than its length (stream: %s) break off for the client too', async (stream) => {
    pieces = [`HTTP/1.1 200 OK\r\n${sized(stream ? events : whole, 5000)}`]
    const before = (await statusOf(bursar.url, 'global')).used
    const text = await post(bursar.url, '/v1/chat/completions', { ...CHAT, stream })
      .then((response) => response.text())
      .catch(() => 'broken')
    expect(text).toBe('broken')
    await until(() => bursar.engine.callsInFlight() === 0)
    const { used, held } = await statusOf(bursar.url, 'global')
    expect(used - before).toBeGreaterThan(0)
    expect(held).toBe(0)
  })

  test("what is the connection's, the provider's host's or Bursar's own does not reach the client", async () => {
    const own =
      'x-bursar-call: forged\r\nX-Bursar-Max-Tokens: 1\r\nratelimit: "forged";r=1\r\nalt-svc: h3=":443"\r\nconnection: x-private\r\nx-private: 1\r\n'
    pieces = [`HTTP/1.1 200 OK\r\n${own}x-request-id: kept\r\n${sized(whole)}`]
    const { headers } = await ask('/v1/chat/completions', CHAT)
    expect(headers.get('x-bursar-call')).not.toContain('forged')
    expect(headers.get('ratelimit')).not.toContain('forged')
    expect(['x-bursar-max-tokens', 'alt-svc', 'x-private'].map((name) => headers.get(name))).toEqual([null, null, null])
    expect(headers.get('x-request-id')).toBe('kept')
  })
})

import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync, rmSync } from 'node:fs'
import { request as httpRequest } from 'node:http'
import { join } from 'node:path'
import { brotliCompressSync, gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { App } from '../../src/compose.ts'
import { api, chat, KEY, post, remove, startInProcess, statusOf, tempDir, until } from './bursar.ts'
import { answerJson, answerSse, chatCompletion, type Received, startUpstream, type Upstream } from './upstream.ts'

/** What a provider, a client or a disk can do to a call, and what it costs then. The model's name says what happens. */

const dir = tempDir()
let upstream: Upstream
let bursar: App
const cancelled: string[] = []

const chunk = (content: string) => ({
  id: 'c',
  object: 'chat.completion.chunk',
  choices: [{ index: 0, delta: { content }, finish_reason: null }],
})
const usageChunk = {
  id: 'c',
  object: 'chat.completion.chunk',
  choices: [],
  usage: { prompt_tokens: 7, completion_tokens: 9, total_tokens: 16 },
}

beforeAll(async () => {
  upstream = await startUpstream((received, response) => {
    const { model } = JSON.parse(received.body || '{}') as { model?: string }
    response.on('close', () => {
      if (!response.writableFinished) cancelled.push(model ?? '')
    })
    const answers: Record<string, () => void> = {
      hang: () => undefined,
      reset: () => response.socket?.destroy(),
      'reset-mid-stream': () => {
        response.writeHead(200, { 'content-type': 'text/event-stream' })
        response.write(`data: ${JSON.stringify(chunk('one two three four five'))}\n\n`)
        setTimeout(() => response.socket?.destroy(), 20)
      },
      'stall-mid-stream': () => {
        response.writeHead(200, { 'content-type': 'text/event-stream' })
        response.write(`data: ${JSON.stringify(chunk('one two three four five'))}\n\n`)
      },
      'error-429': () => answerJson(response, '{"error":{"message":"slow down","code":"rate_limit_exceeded"}}', 429),
      'error-500': () => answerJson(response, '{"error":{"message":"boom"}}', 500),
      html: () => {
        response.writeHead(502, { 'content-type': 'text/html' })
        response.end('<html>bad gateway</html>')
      },
      gzip: () => encoded(response, 'gzip', gzipSync(chatCompletion({ input: 11, output: 13 }))),
      br: () => encoded(response, 'br', brotliCompressSync(chatCompletion({ input: 11, output: 13 }))),
      'no-usage': () =>
        answerJson(response, JSON.stringify({ choices: [{ message: { role: 'assistant', content: 'five words are in here' } }] })),
      'no-usage-stream': () => answerSse(response, [chunk('five words are'), chunk(' in here'), '[DONE]']),
      'gzip-stream': () => {
        response.writeHead(200, { 'content-type': 'text/event-stream', 'content-encoding': 'gzip' })
        response.end(gzipSync(`data: ${JSON.stringify(chunk('hello'))}\n\ndata: ${JSON.stringify(usageChunk)}\n\ndata: [DONE]\n\n`))
      },
      'error-in-stream': () => answerSse(response, [chunk('some text'), { error: { message: 'server error', type: 'server_error' } }]),
    }
    ;(answers[model ?? ''] ?? (() => answerJson(response, chatCompletion({ input: 3, output: 4 }))))()
  })
  bursar = await startInProcess({
    upstreamUrl: upstream.url,
    dir,
    budgets: `  - { id: global, name: Global, limit: { tokens: 100M }, hard_cap: true }
  - { id: calls, name: Calls, scope: {}, limit: { requests: 1M } }`,
  })
})

afterAll(async () => {
  await bursar.close()
  await upstream.close()
  remove(dir)
})

function encoded(response: import('node:http').ServerResponse, encoding: string, body: Buffer): void {
  response.writeHead(200, { 'content-type': 'application/json', 'content-encoding': encoding, 'content-length': body.length })
  response.end(body)
}

async function chargedBy(run: () => Promise<unknown>): Promise<{ tokens: number; requests: number; estimated: number }> {
  const estimated = async () => (await api<{ rows: { estimated_calls: number }[] }>(bursar.url, 'usage')).rows[0]?.estimated_calls ?? 0
  const before = [(await statusOf(bursar.url, 'global')).used, (await statusOf(bursar.url, 'calls')).used, await estimated()] as const
  await run()
  await until(() => bursar.engine.callsInFlight() === 0)
  const after = await statusOf(bursar.url, 'global')
  expect(after.held).toBe(0)
  return {
    tokens: after.used - before[0],
    requests: (await statusOf(bursar.url, 'calls')).used - before[1],
    estimated: (await estimated()) - before[2],
  }
}

const ask = (model: string, more: Record<string, unknown> = {}) => chat(bursar.url, 50, { model, ...more })

test('a provider that hangs is a 504, and nothing is charged', async () => {
  const used = await chargedBy(async () => {
    const response = await ask('hang')
    expect(response.status).toBe(504)
    expect(await response.json()).toMatchObject({ error: { code: 'upstream_timeout' } })
  })
  expect(used).toEqual({ tokens: 0, requests: 0, estimated: 0 })
}, 30_000)

test('a provider that resets the connection is a 502, and nothing is charged', async () => {
  const used = await chargedBy(async () => {
    const response = await ask('reset')
    expect(response.status).toBe(502)
    expect(await response.json()).toMatchObject({ error: { code: 'upstream_unreachable' } })
  })
  expect(used).toEqual({ tokens: 0, requests: 0, estimated: 0 })
})

test.each(['reset-mid-stream', 'stall-mid-stream'])(
  'a stream that breaks (%s) breaks for the client too, and what was produced is charged',
  async (model) => {
    const used = await chargedBy(async () => {
      const response = await ask(model, { stream: true })
      expect(response.status).toBe(200)
      await expect(response.text()).rejects.toThrow()
    })
    expect(used.tokens).toBeGreaterThanOrEqual(5)
    expect(used.tokens).toBeLessThan(40)
    expect(used).toMatchObject({ requests: 1, estimated: 1 })
  },
  30_000,
)

test.each([
  ['error-429', 429, 'slow down'],
  ['error-500', 500, 'boom'],
  ['html', 502, '<html>bad gateway</html>'],
])("a provider's own error (%s) passes through unchanged and costs nothing", async (model, status, text) => {
  const used = await chargedBy(async () => {
    const response = await ask(model)
    expect(response.status).toBe(status)
    expect(await response.text()).toContain(text)
  })
  expect(used).toEqual({ tokens: 0, requests: 0, estimated: 0 })
})

test.each(['gzip', 'br'])('an answer in %s is relayed as it is, and its usage is read', async (model) => {
  const used = await chargedBy(async () => {
    const response = await ask(model)
    expect(response.headers.get('content-encoding')).toBe(model)
    expect(await response.json()).toMatchObject({ usage: { total_tokens: 24 } })
  })
  expect(used).toEqual({ tokens: 24, requests: 1, estimated: 0 })
})

test('a gzip stream is read, and its hidden usage chunk does not reach the client', async () => {
  const used = await chargedBy(async () => {
    const text = await (await ask('gzip-stream', { stream: true })).text()
    expect(text).toContain('hello')
    expect(text).toContain('[DONE]')
    expect(text).not.toContain('usage')
  })
  expect(used).toEqual({ tokens: 16, requests: 1, estimated: 0 })
})

test.each([
  ['no-usage', false],
  ['no-usage-stream', true],
])('an answer without usage (%s) is charged from what was produced, as an estimate', async (model, stream) => {
  const used = await chargedBy(async () => (await ask(model, { stream })).text())
  expect(used.tokens).toBeGreaterThanOrEqual(5)
  expect(used).toMatchObject({ requests: 1, estimated: 1 })
})

test('an error inside a stream is relayed, and what was produced before it is charged', async () => {
  const used = await chargedBy(async () => expect(await (await ask('error-in-stream', { stream: true })).text()).toContain('server error'))
  expect(used.tokens).toBeGreaterThanOrEqual(2)
  expect(used).toMatchObject({ estimated: 1 })
})

test('a client that hangs up cancels the call at the provider and pays for what was produced', async () => {
  const used = await chargedBy(async () => {
    const stop = new AbortController()
    const response = await fetch(`${bursar.url}/v1/chat/completions`, {
      method: 'POST',
      signal: stop.signal,
      headers: { authorization: `Bearer ${KEY}` },
      body: JSON.stringify({ model: 'stall-mid-stream', stream: true, max_tokens: 5, messages: [] }),
    })
    await response.body?.getReader().read()
    stop.abort()
    await until(() => cancelled.includes('stall-mid-stream'))
  })
  expect(used.tokens).toBeGreaterThanOrEqual(5)
  expect(used).toMatchObject({ estimated: 1 })
})

test('a request that can not be counted is refused before anything is reserved', async () => {
  const seen = upstream.received.length
  const cases: [Promise<Response>, number, string][] = [
    [post(bursar.url, '/v1/chat/completions', '{"model": '), 400, 'invalid_request'],
    [post(bursar.url, '/v1/chat/completions', '{}'), 400, 'invalid_request'],
    [post(bursar.url, '/v1/chat/completions', '[]'), 400, 'invalid_request'],
    [post(bursar.url, '/v1/chat/completions', '{"model":"m","max_tokens":1,"max_tokens":9999}'), 400, 'invalid_request'],
    [post(bursar.url, '/v1/chat/completions', { model: 'm', n: -1 }), 400, 'invalid_request'],
    [post(bursar.url, '/v1/fine_tuning/jobs', {}), 404, 'unsupported_path'],
    [post(bursar.url, '/v1/chat/completions/../../x', {}), 404, 'unsupported_path'],
    [post(bursar.url, '/nowhere', {}), 404, 'unsupported_path'],
    [post(bursar.url, '/v1/chat/completions', { model: 'm' }, { authorization: 'Bearer nobody' }), 401, 'invalid_api_key'],
    [post(bursar.url, '/v1/chat/completions', { model: 'm' }, { 'x-bursar-team': 'marketing' }), 403, 'attribute_not_allowed'],
    [post(bursar.url, '/v1/chat/completions', 'x'.repeat(34 * 1024 * 1024)), 413, 'body_too_large'],
  ]
  for (const [answer, status, code] of cases) {
    const response = await answer
    expect(response.status).toBe(status)
    expect(await response.json()).toMatchObject({ error: { code } })
  }
  expect(upstream.received.length).toBe(seen)
  expect((await statusOf(bursar.url, 'global')).held).toBe(0)
})

test("errors on Anthropic's paths have Anthropic's shape", async () => {
  const response = await post(bursar.url, '/v1/messages', { model: 'claude-x', max_tokens: 5 }, { authorization: '', 'x-api-key': 'wrong' })
  expect(response.status).toBe(401)
  expect(await response.json()).toMatchObject({ type: 'error', error: { type: 'authentication_error' } })
})

test("the provider gets its own key and the client's bytes, and none of Bursar's headers", async () => {
  const body = '{ "model":"plain", "messages":[ {"role":"user","content":"h\\u00e9"} ],  "max_tokens": 5 }'
  await (
    await post(bursar.url, '/v1/chat/completions', body, { 'x-bursar-user': 'ann', 'x-custom-header': 'kept', 'x-other': 'left out' })
  ).text()
  const received = upstream.received.at(-1) as Received
  expect(received.body).toBe(body)
  expect(received.headers.authorization).toBe('Bearer sk-provider')
  expect(received.headers).toMatchObject({ 'x-custom-header': 'kept' })
  expect(received.headers).not.toHaveProperty('x-other')
  expect(Object.keys(received.headers).filter((name) => name.startsWith('x-bursar'))).toEqual([])
  expect(JSON.stringify(received)).not.toContain(KEY)
})

test('neither a secret nor a prompt reaches the data directory', async () => {
  await (await chat(bursar.url, 5, { messages: [{ role: 'user', content: 'canary-prompt-7391' }] })).text()
  await post(bursar.url, '/v1/chat/completions', { model: 'm' }, { authorization: 'Bearer canary-key-7391-0123456789' })
  await api(bursar.url, 'usage')
  expect(() => execFileSync('grep', ['-rlE', `canary|${KEY}|sk-provider`, join(dir, 'data')])).toThrow()
})

test('a hang-up while the request is still being sent reserves nothing', async () => {
  const used = await chargedBy(
    () =>
      new Promise<void>((resolve) => {
        const request = httpRequest(`${bursar.url}/v1/chat/completions`, {
          method: 'POST',
          headers: { authorization: `Bearer ${KEY}`, 'content-length': 1000 },
        })
        request.on('error', () => undefined)
        request.on('close', () => resolve())
        request.write('{"model":')
        setTimeout(() => request.destroy(), 20)
      }),
  )
  expect(used.tokens).toBe(0)
})

const canMount = process.getuid?.() === 0 && canTmpfs()

function canTmpfs(): boolean {
  const probe = tempDir()
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', probe], { stdio: 'ignore' })
    execFileSync('umount', [probe])
    return true
  } catch {
    return false
  } finally {
    remove(probe)
  }
}

describe.skipIf(!canMount)('a full disk', () => {
  test('calls under a hard cap are refused, the others go on and are counted when there is room again', async () => {
    const small = tempDir()
    mkdirSync(join(small, 'data'))
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', join(small, 'data')])
    const keys = `  - { name: tester, secret: ${KEY}, team: capped }
  - { name: free, secret: bsr_free_key_0123456789, team: free }`
    const own = await startInProcess({
      upstreamUrl: upstream.url,
      dir: small,
      keys,
      budgets: `  - { id: "team:capped", name: Capped, limit: { tokens: 1M }, hard_cap: true }
  - { id: "team:free", name: Free, limit: { tokens: 1M } }`,
    })
    const askFree = () =>
      post(
        own.url,
        '/v1/chat/completions',
        { model: 'plain', messages: [], max_tokens: 5 },
        { authorization: 'Bearer bsr_free_key_0123456789' },
      )
    expect((await chat(own.url, 5)).status).toBe(200)
    const ballast = join(small, 'data', 'ballast')
    try {
      for (let size = 4096; size > 0; size = Math.floor(size / 2)) {
        try {
          writeFileSync(`${ballast}-${size}`, Buffer.alloc(size * 1024))
        } catch {
          rmSync(`${ballast}-${size}`, { force: true })
        }
      }
      writeFileSync(`${ballast}-last`, Buffer.alloc(4096 * 4))
    } catch {
      // The disk is full now: that was the aim.
    }
    let refused: Response | undefined
    for (let i = 0; i < 300 && refused?.status !== 503; i++) refused = await chat(own.url, 5)
    expect(refused?.status).toBe(503)
    expect(await refused?.json()).toMatchObject({ error: { code: 'store_unavailable' } })
    expect(refused?.headers.get('retry-after')).not.toBeNull()
    const before = await askFree()
    expect(before.status).toBe(200)
    expect((await fetch(`${own.url}/readyz`)).status).toBe(503)
    execFileSync('sh', ['-c', `rm -f ${ballast}-*`])
    await until(async () => (await fetch(`${own.url}/readyz`)).status === 200)
    expect((await chat(own.url, 5)).status).toBe(200)
    expect(await api(own.url, 'doctor')).toMatchObject({ differences: [] })
    expect((await statusOf(own.url, 'team:free')).used).toBe(7)
    await own.close()
    execFileSync('umount', [join(small, 'data')])
    remove(small)
  }, 120_000)
})

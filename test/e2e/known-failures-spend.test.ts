import { request as httpRequest } from 'node:http'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { App } from '../../src/compose.ts'
import { createSimulatedProvider } from '../../src/demo/simulated-provider.ts'
import { countTokens } from '../../src/providers/tokenizer.ts'
import { api, chat, KEY, post, remove, startInProcess, statusOf, tempDir, until } from './bursar.ts'
import { answerSse, startUpstream, type Upstream } from './upstream.ts'

/** How other gateways are known to lose what was used, or to count it twice, each as a test that it does not happen here. */

let dir: string
let bursar: App | undefined

beforeEach(() => {
  dir = tempDir()
})

afterEach(async () => {
  await bursar?.close()
  bursar = undefined
  remove(dir)
})

const ROOMY = '  - { id: global, name: Global, limit: { tokens: 10M }, hard_cap: true }'

const WORDS = ['Budgets', ' are', ' a', ' fine', ' thing', ' indeed']

interface Dialect {
  readonly path: string
  readonly events: readonly object[]
  readonly body: object
}

const messages = [{ role: 'user', content: 'Say something nice about budgets.' }]
const chunk = (delta: object) => ({ id: 'c', object: 'chat.completion.chunk', created: 1, model: 'm', choices: [{ index: 0, delta }] })
const DIALECTS: readonly Dialect[] = [
  { path: '/v1/chat/completions', body: { messages }, events: WORDS.map((content) => chunk({ content })) },
  {
    path: '/v1/responses',
    body: { input: 'Say something nice about budgets.' },
    events: WORDS.map((delta) => ({ type: 'response.output_text.delta', item_id: 'm', output_index: 0, content_index: 0, delta })),
  },
  {
    path: '/v1/messages',
    body: { messages, max_tokens: 100 },
    events: [
      { type: 'message_start', message: { id: 'm', type: 'message', content: [], usage: { input_tokens: 14, output_tokens: 1 } } },
      ...WORDS.map((text) => ({ type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text } })),
    ],
  },
]

describe('the caller disconnects, and no row is written, or its input tokens only', () => {
  let upstream: Upstream
  let events: readonly object[] = []

  beforeEach(async () => {
    upstream = await startUpstream(async (_, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      for (const event of events) {
        response.write(`data: ${JSON.stringify(event)}\n\n`)
        await new Promise((resolve) => setTimeout(resolve, 5))
      }
      // It goes on forever, like a model in a loop.
    })
  })

  afterEach(() => upstream.close())

  test.each(DIALECTS)('$path, after each of its events', async ({ path, body, events: all }) => {
    bursar = await startInProcess({ upstreamUrl: upstream.url, dir, budgets: ROOMY })
    const { url } = bursar
    events = all
    for (let seen = 1; seen <= all.length; seen++) {
      const before = await statusOf(url, 'global')
      const delivered = await hangUpAfter(url + path, { model: 'gpt-4o-mini', stream: true, ...body }, seen)
      await until(async () => (await statusOf(url, 'global')).held === 0)
      const charged = (await statusOf(url, 'global')).used - before.used
      expect(charged).toBeGreaterThanOrEqual(countTokens(delivered) + countTokens('Say something nice about budgets.'))
    }
    const { rows } = await api<{ rows: { calls: number; estimated_calls: number }[] }>(url, 'usage')
    expect(rows).toMatchObject([{ calls: all.length, estimated_calls: all.length }])
  })
})

/** Hangs up when so many events have come; the text that had come by then. */
function hangUpAfter(url: string, body: object, events: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${KEY}`, 'content-type': 'application/json', 'anthropic-version': '2023-06-01' }
    const request = httpRequest(url, { method: 'POST', headers }, (response) => {
      let text = ''
      response.on('data', (bytes: Buffer) => {
        text += bytes.toString()
        if (text.split('\n\n').length <= events) return
        request.destroy()
        resolve(WORDS.filter((word) => text.includes(`"${word}"`)).join(''))
      })
      response.on('error', () => undefined)
    })
    request.on('error', () => undefined)
    setTimeout(() => reject(new Error('too few events came')), 10_000).unref()
    request.end(JSON.stringify(body))
  })
}

test('a month is recorded at a fraction of what the provider bills: its own meter says the same as the ledger', async () => {
  const provider = createSimulatedProvider({})
  const { port } = await provider.listen()
  bursar = await startInProcess({ upstreamUrl: `http://127.0.0.1:${port}`, dir, budgets: ROOMY })
  const { url } = bursar
  const prompt = [{ role: 'user', content: 'Say something nice about budgets.' }]
  const kinds = [
    () => chat(url, 50),
    () => chat(url, 50, { stream: true }),
    () => chat(url, undefined, { stream: true, stream_options: { include_usage: true } }),
    () => post(url, '/v1/responses', { model: 'gpt-4o-mini', input: 'Hello there.', max_output_tokens: 40 }),
    () => post(url, '/v1/embeddings', { model: 'text-embedding-3-small', input: 'a b c' }),
    () => post(url, '/v1/messages', { model: 'claude-sonnet-4-5', max_tokens: 50, messages: prompt }),
    () => post(url, '/v1/messages', { model: 'claude-sonnet-4-5', max_tokens: 50, messages: prompt, stream: true }),
  ]
  const calls = Array.from({ length: 140 }, (_, i) => kinds[i % kinds.length]!())
  for (const response of await Promise.all(calls)) {
    expect(response.status).toBe(200)
    await response.text()
  }
  const { input, output } = provider.produced()
  expect(await statusOf(url, 'global')).toMatchObject({ used: input + output, held: 0 })
  const { rows } = await api<{ rows: { calls: number; input: number; output: number }[] }>(url, 'usage')
  expect(rows).toMatchObject([{ calls: 140, input, output }])
  await provider.close()
})

test('one call with two retries is charged for three: what the provider did not answer costs nothing', async () => {
  let attempts = 0
  const upstream = await startUpstream((_, response) => {
    attempts++
    if (attempts < 3) return void response.writeHead(500, { 'content-type': 'application/json' }).end('{"error":{"message":"no"}}')
    answerSse(response, [
      chunk({ content: 'Hi' }),
      { ...chunk({}), choices: [], usage: { prompt_tokens: 9, completion_tokens: 1, total_tokens: 10 } },
    ])
  })
  bursar = await startInProcess({
    upstreamUrl: upstream.url,
    dir,
    budgets: `${ROOMY}
  - { id: calls, name: Calls, scope: {}, limit: { requests: 10 }, hard_cap: true }`,
  })
  for (let attempt = 0; attempt < 3; attempt++) await (await chat(bursar.url, 50, { stream: true })).text()
  expect((await statusOf(bursar.url, 'global')).used).toBe(10)
  expect((await statusOf(bursar.url, 'calls')).used).toBe(1)
  await upstream.close()
})

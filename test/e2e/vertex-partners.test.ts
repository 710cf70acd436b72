import { afterAll, beforeAll, expect, test } from 'vitest'
import type { App } from '../../src/compose.ts'
import { KEY, remove, startInProcess, statusOf, tempDir } from './bursar.ts'
import { answerJson, answerSse, startUpstream, type Upstream } from './upstream.ts'

/** Models of others at Vertex, each with the requests and answers of its own maker, as Google documents them. */

const dir = tempDir()
const PROJECT = '/v1/projects/p/locations/us-east5'
const CLAUDE = `${PROJECT}/publishers/anthropic/models/claude-sonnet-4-5@20250929`
const MISTRAL = `${PROJECT}/publishers/mistralai/models/mistral-small-2503`
const CHAT_USAGE = { prompt_tokens: 11, completion_tokens: 7, total_tokens: 18 }
const MESSAGE = { id: 'm', type: 'message', role: 'assistant', model: 'claude-sonnet-4-5-20250929', stop_reason: 'end_turn' }
const messages = [{ role: 'user', content: 'Hello' }]

let upstream: Upstream
let bursar: App

beforeAll(async () => {
  upstream = await startUpstream(({ path }, response) => {
    if (path.includes('count-tokens')) return answerJson(response, '{"input_tokens":14}')
    if (path.includes('embedContent')) return answerJson(response, '{"embedding":{"values":[0.1]},"usageMetadata":{"promptTokenCount":6}}')
    if (path.includes('anthropic/') && path.endsWith(':streamRawPredict')) {
      const start = { type: 'message_start', message: { ...MESSAGE, content: [], usage: { input_tokens: 9, output_tokens: 1 } } }
      return answerSse(response, [start, { type: 'message_delta', delta: {}, usage: { output_tokens: 21 } }, { type: 'message_stop' }])
    }
    if (path.includes('anthropic/'))
      return answerJson(
        response,
        JSON.stringify({ ...MESSAGE, content: [], usage: { input_tokens: 10, cache_read_input_tokens: 100, output_tokens: 5 } }),
      )
    if (path.endsWith(':streamRawPredict'))
      return answerSse(response, [
        { choices: [{ index: 0, delta: { content: 'Hi' }, finish_reason: 'stop' }], usage: CHAT_USAGE },
        '[DONE]',
      ])
    answerJson(response, JSON.stringify({ choices: [{ index: 0, message: { content: 'Hi' } }], usage: CHAT_USAGE }))
  })
  bursar = await startInProcess({
    upstreamUrl: upstream.url,
    dir,
    providers: `  cloud: { api: vertex, base_url: ${upstream.url}, api_key: cloud-token }`,
    budgets: `  - { id: "provider:cloud", name: Cloud, limit: { tokens: 10M }, hard_cap: true }
  - { id: "model:claude-sonnet-4-5", name: Sonnet, limit: { usd: 10 }, hard_cap: true }`,
  })
})

afterAll(async () => {
  await bursar.close()
  await upstream.close()
  remove(dir)
})

async function charged(path: string, body: object): Promise<{ readonly status: number; readonly used: number; readonly text: string }> {
  const before = await statusOf(bursar.url, 'provider:cloud')
  const headers = { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' }
  const response = await fetch(bursar.url + path, { method: 'POST', headers, body: JSON.stringify(body) })
  const text = await response.text()
  return { status: response.status, text, used: (await statusOf(bursar.url, 'provider:cloud')).used - before.used }
}

const claude = { anthropic_version: 'vertex-2023-10-16', messages, max_tokens: 100 }

test('Claude: what its message reports is charged, cached input too, at the price of that model', async () => {
  expect(await charged(`${CLAUDE}:rawPredict`, claude)).toMatchObject({ status: 200, used: 115 })
  expect(upstream.received.at(-1)).toMatchObject({
    path: `${CLAUDE.replace('@', '%40')}:rawPredict`,
    headers: { authorization: 'Bearer cloud-token' },
  })
  // 10 at 3 USD, 100 cached at 0.30 USD and 5 at 15 USD for a million.
  expect((await statusOf(bursar.url, 'model:claude-sonnet-4-5')).used).toBeCloseTo(0.000_135, 9)
})

test('Claude, streamed', async () => {
  expect(await charged(`${CLAUDE}:streamRawPredict`, { ...claude, stream: true })).toMatchObject({ status: 200, used: 30 })
})

test('counting tokens is free, though its path looks like a model’s', async () => {
  const path = `${PROJECT}/publishers/anthropic/models/count-tokens:rawPredict`
  expect(await charged(path, { model: 'claude-sonnet-4-5', messages })).toMatchObject({ status: 200, used: 0 })
})

test('Mistral: whole, and as a stream that is not asked for its usage and reports it', async () => {
  expect(await charged(`${MISTRAL}:rawPredict`, { model: 'mistral-small-2503', messages })).toMatchObject({ status: 200, used: 18 })
  const body = { model: 'mistral-small-2503', messages, stream: true }
  const { used, text } = await charged(`${MISTRAL}:streamRawPredict`, body)
  expect(used).toBe(18)
  expect(text).toContain('"prompt_tokens":11')
  expect(JSON.parse(upstream.received.at(-1)!.body)).toEqual(body)
})

test('open models, by OpenAI’s path', async () => {
  const body = { model: 'meta/llama-3.3-70b-instruct-maas', messages }
  expect(await charged(`${PROJECT}/endpoints/openapi/chat/completions`, body)).toMatchObject({ status: 200, used: 18 })
})

test('embedContent', async () => {
  const path = `${PROJECT}/publishers/google/models/gemini-embedding-2:embedContent`
  expect(await charged(path, { content: { parts: [{ text: 'Hello' }] } })).toMatchObject({ status: 200, used: 6 })
})

test('what a model’s own container is asked can not be counted', async () => {
  expect((await charged(`${PROJECT}/endpoints/1234:rawPredict`, { instances: [] })).status).toBe(404)
})

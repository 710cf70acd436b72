import { CohereClientV2, CohereError } from 'cohere-ai'
import { AzureOpenAI } from 'openai'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { App } from '../../src/compose.ts'
import { KEY, remove, startInProcess, statusOf, tempDir } from './bursar.ts'
import { answerJson, answerSse, chatCompletion, startUpstream, type Upstream } from './upstream.ts'

/** Clients of Cohere, Azure OpenAI and Ollama, against an upstream with these APIs' documented answers. */

const dir = tempDir()
let upstream: Upstream
let bursar: App

const COHERE_USAGE = { billed_units: { input_tokens: 3, output_tokens: 4 }, tokens: { input_tokens: 60, output_tokens: 5 } }
const message = { role: 'assistant', content: [{ type: 'text', text: 'Hello' }] }

const ANSWERS: readonly (readonly [path: RegExp, answer: object])[] = [
  [/\/v2\/chat$/, { id: 'c', finish_reason: 'COMPLETE', message, usage: COHERE_USAGE }],
  [/\/v2\/embed$/, { id: 'e', embeddings: { float: [[0.5]] }, texts: ['a'], meta: { billed_units: { input_tokens: 2 } } }],
  [/\/v2\/rerank$/, { id: 'r', results: [{ index: 0, relevance_score: 0.9 }], meta: { billed_units: { search_units: 1 } } }],
]

/** Azure's paths below `/openai`, without their query. */
const AZURE: Readonly<Record<string, string>> = {
  '/responses': JSON.stringify({
    id: 'resp_1',
    status: 'completed',
    output: [],
    usage: { input_tokens: 6, output_tokens: 3, total_tokens: 9 },
  }),
  '/v1/files/file-in/content': JSON.stringify({ url: '/chat/completions', body: { model: 'our-gpt', messages: [], max_tokens: 20 } }),
  '/batches': JSON.stringify({ id: 'batch_1', status: 'validating', endpoint: '/chat/completions' }),
  '/v1/batches/batch_1': JSON.stringify({ id: 'batch_1', status: 'completed', endpoint: '/chat/completions', output_file_id: 'file-out' }),
  '/v1/files/file-out/content': JSON.stringify({
    response: { status_code: 200, body: JSON.parse(chatCompletion({ input: 11, output: 7 })) as unknown },
  }),
}

const COHERE_EVENTS = [
  { type: 'message-start', id: 'c', delta: { message: { role: 'assistant', content: [] } } },
  { type: 'content-delta', index: 0, delta: { message: { content: { text: 'Hello' } } } },
  { type: 'message-end', delta: { finish_reason: 'COMPLETE', usage: COHERE_USAGE } },
]

beforeAll(async () => {
  upstream = await startUpstream(({ path, body }, response) => {
    const isStream = body.includes('"stream":true')
    const azure = AZURE[path.replace(/^\/openai/, '').replace(/\?.*$/, '')]
    if (azure !== undefined) return answerJson(response, azure)
    if (path.startsWith('/openai/')) return answerJson(response, chatCompletion({ input: 11, output: 7 }))
    if (path === '/v2/chat' && isStream) return answerSse(response, COHERE_EVENTS)
    if (path === '/api/chat') {
      const lines = [{ message: { content: 'Hel' } }, { message: { content: 'lo' }, done: true, prompt_eval_count: 9, eval_count: 2 }]
      response.writeHead(200, { 'content-type': 'application/x-ndjson' })
      for (const line of lines) response.write(`${JSON.stringify(line)}\n`)
      return void response.end()
    }
    const found = ANSWERS.find(([pattern]) => pattern.test(path))?.[1]
    answerJson(response, JSON.stringify(found ?? { message: 'no such path' }), found === undefined ? 404 : 200)
  })
  bursar = await startInProcess({
    upstreamUrl: upstream.url,
    dir,
    keys: `  - { name: tester, secret: ${KEY}, team: research, project: lab, allow: [user, tag.*], objects: all }`,
    providers: `  cohere: { api: cohere, base_url: ${upstream.url}, api_key: co-key }
  azure: { api: azure, base_url: ${upstream.url}, api_key: az-key }
  local: { api: ollama, base_url: ${upstream.url} }`,
    budgets: `  - { id: global, name: Global, limit: { tokens: 10M }, hard_cap: true }
  - { id: "provider:cohere", name: Requests, limit: { requests: 1000 }, hard_cap: true }
  - { id: "user:broke", name: Nothing left, limit: { tokens: 0 }, hard_cap: true }`,
  })
})

afterAll(async () => {
  await bursar.close()
  await upstream.close()
  remove(dir)
})

async function charged(run: () => Promise<unknown>): Promise<number> {
  const before = await statusOf(bursar.url, 'global')
  await run()
  const after = await statusOf(bursar.url, 'global')
  expect(after.held).toBe(0)
  return after.used - before.used
}

const messages = [{ role: 'user' as const, content: 'Hello' }]
const cohere = () => new CohereClientV2({ token: KEY, environment: bursar.url })

test('cohere: chat is charged the tokens that were used, and not the units that are billed', async () => {
  expect(await charged(() => cohere().chat({ model: 'command-a-03-2025', messages }))).toBe(65)
  expect(upstream.received.at(-1)?.headers.authorization).toBe('Bearer co-key')
})

test('cohere: chat, streamed', async () => {
  let text = ''
  const used = await charged(async () => {
    for await (const event of await cohere().chatStream({ model: 'command-a-03-2025', messages })) {
      if (event.type === 'content-delta') text += event.delta?.message?.content?.text ?? ''
    }
  })
  expect([text, used]).toEqual(['Hello', 65])
})

test('cohere: embeddings are charged their input, a rerank counts as a request without tokens', async () => {
  const embed = () => cohere().embed({ model: 'embed-v4.0', texts: ['a'], inputType: 'search_query', embeddingTypes: ['float'] })
  expect(await charged(embed)).toBe(2)
  const requests = (await statusOf(bursar.url, 'provider:cohere')).used
  expect(await charged(() => cohere().rerank({ model: 'rerank-v3.5', query: 'a', documents: ['b'] }))).toBe(0)
  expect((await statusOf(bursar.url, 'provider:cohere')).used).toBe(requests + 1)
})

test('cohere: a refusal is an error of its client with status 429', async () => {
  const refused = cohere().chat({ model: 'command-a-03-2025', messages }, { headers: { 'x-bursar-user': 'broke' }, maxRetries: 0 })
  const error: unknown = await refused.catch((thrown: unknown) => thrown)
  expect(error).toBeInstanceOf(CohereError)
  expect(error instanceof CohereError && error.statusCode).toBe(429)
})

test('azure: the deployment in the path is the model, and the key is Azure’s', async () => {
  const azure = new AzureOpenAI({ endpoint: bursar.url, apiKey: KEY, apiVersion: '2025-04-01-preview', deployment: 'our-gpt' })
  expect(await charged(() => azure.chat.completions.create({ model: 'our-gpt', messages, max_tokens: 20 }))).toBe(18)
  expect(upstream.received.at(-1)).toMatchObject({
    path: '/openai/deployments/our-gpt/chat/completions?api-version=2025-04-01-preview',
    headers: { 'api-key': 'az-key' },
  })
})

test('azure: responses and batches of the older style, of which Bursar asks in the newer one', async () => {
  const azure = new AzureOpenAI({ endpoint: bursar.url, apiKey: KEY, apiVersion: '2025-04-01-preview' })
  expect(await charged(() => azure.responses.create({ model: 'our-gpt', input: 'Hello' }))).toBe(9)
  expect(upstream.received.at(-1)?.path).toBe('/openai/responses?api-version=2025-04-01-preview')
  const { used } = await statusOf(bursar.url, 'global')
  const endpoint = '/v1/chat/completions'
  await azure.batches.create({ input_file_id: 'file-in', endpoint, completion_window: '24h' })
  expect((await statusOf(bursar.url, 'global')).held).toBeGreaterThan(20)
  await expect.poll(async () => (await statusOf(bursar.url, 'global')).held, { timeout: 10_000 }).toBe(0)
  expect((await statusOf(bursar.url, 'global')).used - used).toBe(18)
})

test('ollama: lines of JSON are relayed as they come, and the last has the counts', async () => {
  const used = await charged(async () => {
    const response = await fetch(`${bursar.url}/api/chat`, {
      method: 'POST',
      headers: { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'llama3.2', messages }),
    })
    expect((await response.text()).trim().split('\n')).toHaveLength(2)
  })
  expect(used).toBe(11)
})

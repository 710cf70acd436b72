import { ApiError, GoogleGenAI } from '@google/genai'
import { createGoogleGenerativeAI } from '@ai-sdk/google'
import { generateText } from 'ai'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import type { App } from '../../src/compose.ts'
import { KEY, remove, startInProcess, statusOf, tempDir } from './bursar.ts'
import { answerJson, answerSse, startUpstream, type Upstream } from './upstream.ts'

/** Google's official client, unmodified but for base URL and key, against an upstream with the API's documented answers. */

const USAGE = { promptTokenCount: 8, candidatesTokenCount: 5, thoughtsTokenCount: 7, totalTokenCount: 20 }
const BLOCKED = { promptTokenCount: 8, totalTokenCount: 8 }

let upstream: Upstream
let bursar: App
let ai: GoogleGenAI
const dir = tempDir()

const answer = (text: string, usage: object | undefined) => ({
  candidates: [{ content: { role: 'model', parts: [{ text }] }, finishReason: 'STOP', index: 0 }],
  ...(usage === undefined ? {} : { usageMetadata: usage }),
})

beforeAll(async () => {
  upstream = await startUpstream(({ path, body }, response) => {
    if (path.includes(':countTokens')) return answerJson(response, JSON.stringify({ totalTokens: 8 }))
    if (path.includes('mbedContent'))
      return answerJson(response, JSON.stringify({ embeddings: [{ values: [0.1] }], usageMetadata: { promptTokenCount: 3 } }))
    if (path.includes('alt=sse')) return answerSse(response, [answer('Hel', undefined), answer('lo', USAGE)])
    if (path.includes(':streamGenerateContent'))
      return answerJson(response, JSON.stringify([answer('Hel', undefined), answer('lo', USAGE)]))
    answerJson(
      response,
      JSON.stringify(
        body.includes('blocked') ? { promptFeedback: { blockReason: 'OTHER' }, usageMetadata: BLOCKED } : answer('Hello', USAGE),
      ),
    )
  })
  bursar = await startInProcess({
    upstreamUrl: upstream.url,
    dir,
    providers: `  google: { api: gemini, base_url: ${upstream.url}, api_key: google-key }
  cloud: { api: vertex, base_url: ${upstream.url}, api_key: cloud-token }`,
    budgets: `  - { id: "provider:google", name: Google, limit: { tokens: 10M }, hard_cap: true }
  - { id: "provider:cloud", name: Cloud, limit: { tokens: 10M }, hard_cap: true }
  - { id: "user:broke", name: Nothing left, limit: { tokens: 0 }, hard_cap: true }`,
  })
})

beforeEach(() => {
  ai = new GoogleGenAI({ apiKey: KEY, httpOptions: { baseUrl: bursar.url } })
})

afterAll(async () => {
  await bursar.close()
  await upstream.close()
  remove(dir)
})

async function charged(run: () => Promise<unknown>, budget = 'provider:google'): Promise<number> {
  const before = await statusOf(bursar.url, budget)
  await run()
  const after = await statusOf(bursar.url, budget)
  expect(after.held).toBe(0)
  return after.used - before.used
}

const model = 'gemini-2.5-flash'

test('generateContent: what the client sees is charged, thoughts among it, and the provider gets its own key', async () => {
  const used = await charged(async () => {
    const { text, usageMetadata } = await ai.models.generateContent({ model, contents: 'Hello' })
    expect([text, usageMetadata?.totalTokenCount]).toEqual(['Hello', 20])
  })
  expect(used).toBe(20)
  expect(upstream.received.at(-1)).toMatchObject({
    path: `/v1beta/models/${model}:generateContent`,
    headers: { 'x-goog-api-key': 'google-key' },
  })
})

test('a prompt that was blocked is charged its input, as reported', async () => {
  expect(await charged(() => ai.models.generateContent({ model, contents: 'blocked' }))).toBe(8)
})

test('generateContentStream', async () => {
  let text = ''
  const used = await charged(async () => {
    for await (const chunk of await ai.models.generateContentStream({ model, contents: 'Hello' })) text += chunk.text ?? ''
  })
  expect([text, used]).toEqual(['Hello', 20])
})

test('a stream as a JSON array is relayed as it is, and counted', async () => {
  const used = await charged(async () => {
    const response = await fetch(`${bursar.url}/google/v1beta/models/${model}:streamGenerateContent`, {
      method: 'POST',
      headers: { 'x-goog-api-key': KEY, 'content-type': 'application/json' },
      body: JSON.stringify({ contents: [{ parts: [{ text: 'Hello' }] }] }),
    })
    expect(await response.json()).toEqual([answer('Hel', undefined), answer('lo', USAGE)])
  })
  expect(used).toBe(20)
})

test('embedContent is charged its input, countTokens nothing', async () => {
  expect(await charged(() => ai.models.embedContent({ model: 'gemini-embedding-001', contents: 'Hello' }))).toBe(3)
  expect(await charged(() => ai.models.countTokens({ model, contents: 'Hello' }))).toBe(0)
})

test('a refusal is an ApiError with status 429', async () => {
  const refused = ai.models.generateContent({
    model,
    contents: 'Hello',
    config: { httpOptions: { headers: { 'x-bursar-user': 'broke' } } },
  })
  const error: unknown = await refused.catch((thrown: unknown) => thrown)
  expect(error).toBeInstanceOf(ApiError)
  expect(error instanceof ApiError && error.status).toBe(429)
})

test('the AI SDK for Google', async () => {
  const google = createGoogleGenerativeAI({ baseURL: `${bursar.url}/v1beta`, apiKey: KEY })
  expect(await charged(() => generateText({ model: google(model), prompt: 'Hello' }))).toBe(20)
})

test('Vertex: the same bodies below a project’s path, with a bearer token', async () => {
  const path = `/v1/projects/p/locations/us-central1/publishers/google/models/${model}:generateContent`
  const used = await charged(async () => {
    const response = await fetch(bursar.url + path, {
      method: 'POST',
      headers: { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' },
      body: JSON.stringify({ contents: [{ parts: [{ text: 'Hello' }] }] }),
    })
    expect(response.status).toBe(200)
  }, 'provider:cloud')
  expect(used).toBe(20)
  expect(upstream.received.at(-1)).toMatchObject({ path, headers: { authorization: 'Bearer cloud-token' } })
})

test('near a cap the maximum is set where the API has it', async () => {
  const own = tempDir()
  const small = await startInProcess({
    upstreamUrl: upstream.url,
    dir: own,
    providers: `  google: { api: gemini, base_url: ${upstream.url}, api_key: google-key }`,
    budgets: '  - { id: global, name: Global, limit: { tokens: 400 }, hard_cap: true }',
  })
  const client = new GoogleGenAI({ apiKey: KEY, httpOptions: { baseUrl: small.url } })
  await client.models.generateContent({ model, contents: 'Hello', config: { temperature: 0 } })
  const { generationConfig } = JSON.parse(upstream.received.at(-1)!.body) as {
    generationConfig: { maxOutputTokens: number; temperature: number }
  }
  expect(generationConfig.maxOutputTokens).toBeLessThan(400)
  expect(generationConfig.temperature).toBe(0)
  await small.close()
  remove(own)
})

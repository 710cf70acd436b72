import { createAnthropic } from '@ai-sdk/anthropic'
import { createOpenAI } from '@ai-sdk/openai'
import { ChatOpenAI } from '@langchain/openai'
import { APICallError, generateText, streamText } from 'ai'
import Groq from 'groq-sdk'
import { Mistral } from '@mistralai/mistralai'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { App } from '../../src/compose.ts'
import { createSimulatedProvider } from '../../src/demo/simulated-provider.ts'
import { KEY, remove, startInProcess, statusOf, tempDir } from './bursar.ts'
import { answerSse, startUpstream } from './upstream.ts'

/** Frameworks and clients of OpenAI-shaped providers that teams call models with, unmodified but for base URL and key. */

const dir = tempDir()
const provider = createSimulatedProvider({})
let bursar: App

beforeAll(async () => {
  const { port } = await provider.listen()
  bursar = await startInProcess({
    upstreamUrl: `http://127.0.0.1:${port}`,
    dir,
    budgets: `  - { id: global, name: Global Cap, limit: { tokens: 10M }, hard_cap: true }
  - { id: "user:broke", name: Nothing left, limit: { tokens: 0 }, hard_cap: true }`,
  })
})

afterAll(async () => {
  await bursar.close()
  await provider.close()
  remove(dir)
})

/** What the ledger's counters grew by while `run` ran, which is what the provider produced. */
async function charged<T>(run: () => Promise<T>): Promise<{ readonly result: T; readonly used: number }> {
  const before = await statusOf(bursar.url, 'global')
  const produced = provider.produced()
  const result = await run()
  const after = await statusOf(bursar.url, 'global')
  const used = after.used - before.used
  const { input, output } = provider.produced()
  expect(after.held).toBe(0)
  expect(used).toBe(input + output - produced.input - produced.output)
  return { result, used }
}

const prompt = 'Say something nice about budgets.'
const openai = () => createOpenAI({ baseURL: `${bursar.url}/v1`, apiKey: KEY })
const anthropic = () => createAnthropic({ baseURL: `${bursar.url}/v1`, apiKey: KEY })

const MODELS = [
  ['chat', () => openai().chat('gpt-4o-mini')],
  ['responses', () => openai()('gpt-4o-mini')],
  ['anthropic', () => anthropic()('claude-sonnet-4-5')],
] as const

test.each(MODELS)('the AI SDK, %s: what it reports is charged', async (_, model) => {
  const { result, used } = await charged(() => generateText({ model: model(), prompt, maxOutputTokens: 50 }))
  expect(result.text).not.toBe('')
  expect(used).toBe(result.usage.totalTokens)
})

test.each(MODELS)('the AI SDK, %s, streamed', async (_, model) => {
  const { result, used } = await charged(async () => {
    const stream = streamText({ model: model(), prompt, maxOutputTokens: 50 })
    return { text: await stream.text, usage: await stream.usage }
  })
  expect(result.text).not.toBe('')
  expect(used).toBe(result.usage.totalTokens)
})

test('the AI SDK raises a refusal as its own error, with status 429', async () => {
  const refused = generateText({ model: openai().chat('gpt-4o-mini'), prompt, maxRetries: 0, headers: { 'x-bursar-user': 'broke' } })
  const error: unknown = await refused.catch((thrown: unknown) => thrown)
  expect(APICallError.isInstance(error) && error.statusCode).toBe(429)
})

test('LangChain: whole and streamed', async () => {
  const model = new ChatOpenAI({ model: 'gpt-4o-mini', apiKey: KEY, maxTokens: 50, configuration: { baseURL: `${bursar.url}/v1` } })
  const whole = await charged(() => model.invoke(prompt))
  expect(whole.result.text).not.toBe('')
  expect(whole.result.response_metadata['tokenUsage']).toMatchObject({ totalTokens: whole.used })
  const streamed = await charged(async () => {
    let text = ''
    for await (const chunk of await model.stream(prompt)) text += chunk.text
    return text
  })
  expect(streamed.result).not.toBe('')
})

const messages = [{ role: 'user' as const, content: prompt }]

test('Groq’s client, whose paths begin with the name of a provider: whole, streamed and refused', async () => {
  const groq = new Groq({ baseURL: bursar.url, apiKey: KEY, maxRetries: 0 })
  const whole = await charged(() => groq.chat.completions.create({ model: 'llama-3.3-70b-versatile', messages, max_completion_tokens: 50 }))
  expect(whole.used).toBe(whole.result.usage?.total_tokens)
  const streamed = await charged(async () => {
    let text = ''
    const stream = await groq.chat.completions.create({ model: 'llama-3.3-70b-versatile', messages, stream: true })
    for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? ''
    return text
  })
  expect(streamed.result).not.toBe('')
  const refused = groq.chat.completions.create({ model: 'm', messages }, { headers: { 'x-bursar-user': 'broke' } })
  await expect(refused).rejects.toBeInstanceOf(Groq.RateLimitError)
})

test('Mistral’s client: whole and refused', async () => {
  const mistral = new Mistral({ serverURL: bursar.url, apiKey: KEY, retryConfig: { strategy: 'none' } })
  const whole = await charged(() => mistral.chat.complete({ model: 'mistral-small-latest', messages, maxTokens: 50 }))
  expect(whole.used).toBe(whole.result.usage.totalTokens)
  const refused = mistral.chat.complete({ model: 'm', messages }, { headers: { 'x-bursar-user': 'broke' } })
  await expect(refused).rejects.toMatchObject({ statusCode: 429 })
})

test('Mistral’s client, streamed: usage stands in the last chunk, which has choices and is not hidden', async () => {
  const base = { id: 'a', object: 'chat.completion.chunk', created: 1, model: 'mistral-small-latest' }
  const chunk = (content: string, more: object, finish: string | null) =>
    Object.assign({ ...base, choices: [{ index: 0, delta: { role: 'assistant', content }, finish_reason: finish }] }, more)
  const usage = { prompt_tokens: 11, completion_tokens: 7, total_tokens: 18 }
  const upstream = await startUpstream((_, response) =>
    answerSse(response, [chunk('Nice', {}, null), chunk('.', { usage }, 'stop'), '[DONE]']),
  )
  const own = tempDir()
  const gateway = await startInProcess({
    upstreamUrl: upstream.url,
    dir: own,
    budgets: '  - { id: global, name: Global Cap, limit: { tokens: 10M }, hard_cap: true }',
  })
  const mistral = new Mistral({ serverURL: gateway.url, apiKey: KEY })
  let text = ''
  let total = 0
  for await (const { data } of await mistral.chat.stream({ model: 'mistral-small-latest', messages })) {
    const content = data.choices[0]?.delta.content
    if (typeof content === 'string') text += content
    total += data.usage?.totalTokens ?? 0
  }
  expect([text, total]).toEqual(['Nice.', 18])
  expect((await statusOf(gateway.url, 'global')).used).toBe(18)
  await gateway.close()
  await upstream.close()
  remove(own)
})

import Anthropic from '@anthropic-ai/sdk'
import OpenAI from 'openai'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { App } from '../../src/compose.ts'
import { createSimulatedProvider } from '../../src/demo/simulated-provider.ts'
import { KEY, remove, startInProcess, statusOf, tempDir } from './bursar.ts'

/** The official clients, unmodified but for base URL and key. */

const dir = tempDir()
const provider = createSimulatedProvider({})
let bursar: App
let openai: OpenAI
let anthropic: Anthropic

beforeAll(async () => {
  const { port } = await provider.listen()
  bursar = await startInProcess({
    upstreamUrl: `http://127.0.0.1:${port}`,
    dir,
    budgets: `  - { id: global, name: Global Cap, limit: { tokens: 10M }, hard_cap: true }
  - { id: "user:broke", name: Nothing left, limit: { tokens: 0 }, hard_cap: true }`,
  })
  openai = new OpenAI({ baseURL: `${bursar.url}/v1`, apiKey: KEY })
  anthropic = new Anthropic({ baseURL: bursar.url, apiKey: KEY })
})

afterAll(async () => {
  await bursar.close()
  await provider.close()
  remove(dir)
})

const messages = [{ role: 'user' as const, content: 'Say something nice about budgets.' }]

/** What the ledger's counters grew by while `run` ran. */
async function charged(run: () => Promise<unknown>): Promise<number> {
  const before = await statusOf(bursar.url, 'global')
  await run()
  const after = await statusOf(bursar.url, 'global')
  expect(after.held).toBe(0)
  return after.used - before.used
}

test('openai: chat, whole: the usage that the client sees is charged', async () => {
  let total = 0
  const used = await charged(async () => {
    const answer = await openai.chat.completions.create({ model: 'gpt-4o-mini', messages, max_tokens: 50 })
    expect(answer.choices[0]?.message.content).not.toBe('')
    total = answer.usage?.total_tokens ?? 0
  })
  expect(total).toBeGreaterThan(0)
  expect(used).toBe(total)
})

test('openai: chat, streamed: charged in full, and the usage chunk that the client did not ask for is hidden', async () => {
  const produced = provider.produced()
  const used = await charged(async () => {
    const stream = await openai.chat.completions.create({ model: 'gpt-4o-mini', messages, stream: true })
    let text = ''
    for await (const chunk of stream) {
      expect(chunk.choices.length).toBeGreaterThan(0)
      text += chunk.choices[0]?.delta.content ?? ''
    }
    expect(text).not.toBe('')
  })
  const after = provider.produced()
  expect(used).toBe(after.input + after.output - produced.input - produced.output)
})

test('openai: a client that asks for the usage chunk gets it', async () => {
  const stream = await openai.chat.completions.create({
    model: 'gpt-4o-mini',
    messages,
    stream: true,
    stream_options: { include_usage: true },
  })
  let usage: OpenAI.CompletionUsage | null | undefined
  for await (const chunk of stream) usage = chunk.usage ?? usage
  expect(usage?.total_tokens).toBeGreaterThan(0)
})

test('openai: tools, responses and embeddings are counted', async () => {
  const produced = provider.produced()
  const used = await charged(async () => {
    const tools = [{ type: 'function' as const, function: { name: 'lookup', parameters: { type: 'object', properties: {} } } }]
    const called = await openai.chat.completions.create({ model: 'sim-tools', messages, tools })
    expect(called.choices[0]?.message.tool_calls?.length).toBeGreaterThan(0)
    const answer = await openai.responses.create({ model: 'gpt-4o-mini', input: 'Hello' })
    expect(answer.usage?.total_tokens).toBeGreaterThan(0)
    const events = await openai.responses.create({ model: 'gpt-4o-mini', input: 'Hello', stream: true })
    const kinds = new Set<string>()
    for await (const event of events) kinds.add(event.type)
    expect(kinds).toContain('response.completed')
    const { data } = await openai.embeddings.create({ model: 'text-embedding-3-small', input: 'Hello' })
    expect(data.length).toBe(1)
  })
  const after = provider.produced()
  expect(used).toBe(after.input + after.output - produced.input - produced.output)
})

test('openai: n choices are bounded and charged', async () => {
  const used = await charged(async () => {
    const answer = await openai.chat.completions.create({ model: 'gpt-4o-mini', messages, n: 3, max_tokens: 20 })
    expect(answer.choices.length).toBe(3)
    expect(answer.usage?.completion_tokens).toBeLessThanOrEqual(60)
  })
  expect(used).toBeGreaterThan(0)
})

test('openai: a list of models is free and never gated', async () => {
  const models = await openai.models.list()
  expect(models.data.length).toBeGreaterThan(0)
})

test('openai: aborting a stream cancels it at the provider and charges what was produced', async () => {
  const used = await charged(async () => {
    const stream = await openai.chat.completions.create({ model: 'gpt-4o-mini', messages, stream: true, max_tokens: 4000 })
    let chunks = 0
    for await (const _ of stream) if (++chunks === 3) break
    stream.controller.abort()
    await expect.poll(() => bursar.engine.callsInFlight()).toBe(0)
  })
  expect(used).toBeGreaterThan(0)
})

test('openai: a refusal is a RateLimitError, raised once, without a retry', async () => {
  let tries = 0
  const counting: typeof fetch = (...args) => {
    tries++
    return fetch(...args)
  }
  const client = new OpenAI({ baseURL: `${bursar.url}/v1`, apiKey: KEY, fetch: counting, defaultHeaders: { 'x-bursar-user': 'broke' } })
  const error = await client.chat.completions.create({ model: 'gpt-4o-mini', messages }).catch((thrown: unknown) => thrown)
  expect(error).toBeInstanceOf(OpenAI.RateLimitError)
  expect(error).toMatchObject({ status: 429, code: 'budget_exceeded', error: { budget: { id: 'user:broke' } } })
  expect(tries).toBe(1)
})

test('openai: an unknown key is an AuthenticationError', async () => {
  const client = new OpenAI({ baseURL: `${bursar.url}/v1`, apiKey: 'bsr_unknown' })
  await expect(client.models.list()).rejects.toBeInstanceOf(OpenAI.AuthenticationError)
})

test('anthropic: messages, whole and streamed, are charged in full', async () => {
  const produced = provider.produced()
  const used = await charged(async () => {
    const answer = await anthropic.messages.create({ model: 'claude-sonnet-4-5', max_tokens: 60, messages })
    expect(answer.usage.output_tokens).toBeGreaterThan(0)
    const final = await anthropic.messages.stream({ model: 'claude-sonnet-4-5', max_tokens: 60, messages }).finalMessage()
    expect(final.content.length).toBeGreaterThan(0)
  })
  const after = provider.produced()
  expect(used).toBe(after.input + after.output - produced.input - produced.output)
})

test('anthropic: counting tokens is free', async () => {
  const used = await charged(async () => {
    const { input_tokens: count } = await anthropic.messages.countTokens({ model: 'claude-sonnet-4-5', messages })
    expect(count).toBeGreaterThan(0)
  })
  expect(used).toBe(0)
})

test('anthropic: a refusal is a RateLimitError, raised once', async () => {
  let tries = 0
  const counting: typeof fetch = (...args) => {
    tries++
    return fetch(...args)
  }
  const client = new Anthropic({ baseURL: bursar.url, apiKey: KEY, fetch: counting, defaultHeaders: { 'x-bursar-user': 'broke' } })
  const error = await client.messages.create({ model: 'claude-sonnet-4-5', max_tokens: 10, messages }).catch((thrown: unknown) => thrown)
  expect(error).toBeInstanceOf(Anthropic.RateLimitError)
  expect(tries).toBe(1)
})

import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { App } from '../../src/compose.ts'
import { api, post, remove, startInProcess, statusOf, tempDir } from './bursar.ts'
import { answerJson, answerSse, startUpstream, type Upstream } from './upstream.ts'

/** How other gateways are known to get the cost of a call wrong, each as a test that it does not happen here. */

let dir: string
let upstream: Upstream
let bursar: App | undefined
/** What the provider answers next. */
let answer: unknown

beforeEach(async () => {
  dir = tempDir()
  upstream = await startUpstream((_request, response) => {
    if (Array.isArray(answer)) answerSse(response, answer)
    else answerJson(response, JSON.stringify(answer))
  })
})

afterEach(async () => {
  await bursar?.close()
  bursar = undefined
  await upstream.close()
  remove(dir)
})

const CAP = '  - { id: global, name: Global, limit: { usd: 100 }, hard_cap: true }'

async function start(budgets: string, more: { readonly providers?: string; readonly more?: string } = {}): Promise<string> {
  bursar = await startInProcess({ upstreamUrl: upstream.url, dir, budgets, ...more })
  return bursar.url
}

const chatAnswer = (usage: object, more: object = {}) => ({
  choices: [{ index: 0, message: { role: 'assistant', content: 'Hi' }, finish_reason: 'stop' }],
  usage,
  ...more,
})

const ask = (url: string, model: string, more: object = {}) =>
  post(url, '/v1/chat/completions', { model, messages: [], max_tokens: 5000, ...more })

const askClaude = (url: string, model: string, more: object = {}) =>
  post(url, '/v1/messages', { model, messages: [], max_tokens: 5000, ...more }, { 'anthropic-version': '2023-06-01' })

const usedUsd = async (url: string) => (await statusOf(url, 'global')).used

describe('models without a price', () => {
  beforeEach(() => {
    answer = chatAnswer({ prompt_tokens: 100, completion_tokens: 50, total_tokens: 150 })
  })

  test('an unmapped model is treated as free and skips all checks: a hard cap in USD refuses it, with what to do', async () => {
    const url = await start(CAP)
    const response = await ask(url, 'our-own-model')
    expect(response.status).toBe(403)
    const { error } = (await response.json()) as { error: { code: string; message: string } }
    expect(error.code).toBe('model_not_allowed')
    expect(error.message).toContain('the model our-own-model has no price')
    expect(error.message).toContain('"prices"')
    expect(upstream.received).toHaveLength(0)
  })

  test('$185 of use is recorded as $1.16, without a word: what is let in without a price is counted in tokens, and listed', async () => {
    const url = await start(
      [
        '  - { id: global, name: Global, limit: { usd: 100 }, hard_cap: true, unpriced: admit }',
        '  - { id: "team:research", name: Team, limit: { tokens: 1M }, hard_cap: true }',
      ].join('\n'),
    )
    expect((await ask(url, 'our-own-model')).status).toBe(200)
    expect((await statusOf(url, 'team:research')).used).toBe(150)
    expect(await usedUsd(url)).toBe(0)
    expect(await api(url, 'doctor')).toMatchObject({ unpriced: [{ provider: 'openai', model: 'our-own-model', calls: 1, tokens: 150 }] })
  })

  test('an advisory budget that wants to know every cost refuses it too', async () => {
    const url = await start('  - { id: global, name: Global, limit: { usd: 100 }, unpriced: refuse }')
    expect((await ask(url, 'our-own-model')).status).toBe(403)
    expect((await ask(url, 'gpt-4o-mini')).status).toBe(200)
  })

  test('a price of the config’s own counts, by the model’s name, its provider’s, and behind a version', async () => {
    const url = await start(CAP, {
      more: `prices:
  - { model: our-own-model, input_per_mtok: 10, output_per_mtok: 20 }
  - { model: openai/gpt-4o, input_per_mtok: 1, output_per_mtok: 2 }`,
    })
    expect((await ask(url, 'our-own-model')).status).toBe(200)
    expect(await usedUsd(url)).toBe(0.002)
    await ask(url, 'gpt-4o-2024-08-06')
    expect(await usedUsd(url)).toBe(0.002 + 0.0002)
  })

  test('what the provider itself says that a call cost counts, also where no price is known', async () => {
    answer = chatAnswer({ prompt_tokens: 100, completion_tokens: 50, cost: 0.001234567891 })
    const url = await start('  - { id: global, name: Global, limit: { usd: 100 } }')
    await ask(url, 'some/new-model')
    expect(await usedUsd(url)).toBe(0.001234568)
    expect(await api(url, 'doctor')).toMatchObject({ unpriced: [] })
  })
})

describe('each token has one price', () => {
  test('cache writes are billed twice, at $0, or for an hour at the price of five minutes', async () => {
    const url = await start(CAP)
    answer = {
      type: 'message',
      content: [{ type: 'text', text: 'Hi' }],
      usage: {
        input_tokens: 1000,
        cache_read_input_tokens: 20_000,
        cache_creation_input_tokens: 5000,
        cache_creation: { ephemeral_5m_input_tokens: 2000, ephemeral_1h_input_tokens: 3000 },
        output_tokens: 400,
        service_tier: 'standard',
      },
    }
    await askClaude(url, 'claude-opus-4-5')
    // https://docs.anthropic.com/en/docs/about-claude/pricing: 5, 0.50, 6.25, 10 and 25 USD per million.
    expect(await usedUsd(url)).toBe((1000 * 5 + 20_000 * 0.5 + 2000 * 6.25 + 3000 * 10 + 400 * 25) / 1e6)
  })

  test('and in a stream, whose counts grow', async () => {
    const url = await start(CAP)
    const first = {
      input_tokens: 10,
      cache_creation_input_tokens: 3000,
      cache_creation: { ephemeral_1h_input_tokens: 3000 },
      output_tokens: 1,
    }
    answer = [
      { type: 'message_start', message: { type: 'message', content: [], usage: first } },
      { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'Hi' } },
      { type: 'message_delta', delta: { stop_reason: 'end_turn' }, usage: { output_tokens: 50 } },
      { type: 'message_stop' },
    ]
    await (await askClaude(url, 'claude-opus-4-5', { stream: true })).text()
    expect(await usedUsd(url)).toBe((10 * 5 + 3000 * 10 + 50 * 25) / 1e6)
  })

  test.each([
    [200_000, (200_000 * 3 + 100 * 15) / 1e6],
    [200_001, (200_001 * 6 + 100 * 22.5) / 1e6],
  ])('the long context is billed as a short one: %i tokens', async (input, usd) => {
    const url = await start(CAP)
    answer = { type: 'message', content: [], usage: { input_tokens: input, output_tokens: 100 } }
    await askClaude(url, 'claude-sonnet-4-5')
    expect(await usedUsd(url)).toBe(usd)
  })

  test.each([
    ['flex', 0.5],
    ['priority', 2],
    ['default', 1],
  ])('flex is billed double, priority as any other: the answer names %s', async (tier, factor) => {
    const url = await start(CAP)
    answer = chatAnswer(
      { prompt_tokens: 1000, completion_tokens: 100, total_tokens: 1100, completion_tokens_details: { reasoning_tokens: 90 } },
      { service_tier: tier },
    )
    await ask(url, 'gpt-5', { service_tier: tier })
    expect(await usedUsd(url)).toBe((factor * (1000 * 1.25 + 100 * 10)) / 1e6)
  })

  test('a call that asks for priority holds what priority costs', async () => {
    const limit = (usd: number) => `  - { id: global, name: Global, limit: { usd: ${usd} }, hard_cap: true, near_limit: deny }`
    answer = chatAnswer({ prompt_tokens: 10, completion_tokens: 10, total_tokens: 20 })
    const url = await start(limit(0.09))
    expect((await ask(url, 'gpt-5')).status).toBe(200)
    expect((await ask(url, 'gpt-5', { service_tier: 'priority' })).status).toBe(429)
  })
})

test('the price is corrected and old calls change with it: the price that was used is kept with the call', async () => {
  const url = await start(CAP)
  answer = chatAnswer({ prompt_tokens: 100, completion_tokens: 50, total_tokens: 150 })
  await ask(url, 'gpt-4o-mini-2024-07-18')
  await api(url, 'usage')
  const ledger = new DatabaseSync(join(dir, 'data', 'ledger.db'), { readOnly: true })
  const row = ledger.prepare('SELECT model, price, cost_nano_usd FROM calls').get() as {
    model: string
    price: string
    cost_nano_usd: number
  }
  ledger.close()
  expect(row.model).toBe('gpt-4o-mini')
  expect(row.cost_nano_usd).toBe(100 * 150 + 50 * 600)
  expect(JSON.parse(row.price)).toMatchObject({ source: 'openai/gpt-4o-mini', inputPico: 150_000, outputPico: 600_000 })
})

test('a budget for a model is passed by another name of it: versions, prefixes and capitals count in one account', async () => {
  answer = chatAnswer({ prompt_tokens: 100, completion_tokens: 50, total_tokens: 150 })
  const url = await start('  - { id: "model:gpt-4o-mini", name: Mini, limit: { tokens: 100k }, hard_cap: true }')
  for (const model of ['gpt-4o-mini', 'gpt-4o-mini-2024-07-18', 'openai/gpt-4o-mini', 'GPT-4o-mini']) await ask(url, model)
  expect((await statusOf(url, 'model:gpt-4o-mini')).used).toBe(600)
})

test('weights: cached tokens that count a tenth, in the hold and in the charge', async () => {
  answer = chatAnswer({ prompt_tokens: 1000, completion_tokens: 50, prompt_tokens_details: { cached_tokens: 800 } })
  const url = await start(
    '  - { id: global, name: Global, limit: { tokens: 100k }, hard_cap: true, weights: { cached_input: 0.1, output: 5 } }',
  )
  await ask(url, 'gpt-4o-mini')
  expect((await statusOf(url, 'global')).used).toBe(200 + 80 + 250)
})

import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { App } from '../../src/compose.ts'
import { KEY, post, remove, startInProcess, statusOf, tempDir } from './bursar.ts'
import { answerJson, answerSse, startUpstream, type Upstream } from './upstream.ts'

/** Answers that several models or meters made, and prices that a request or an answer chooses; each sum by the provider's price page. */

let dir: string
let upstream: Upstream
let bursar: App | undefined
let answer: unknown

beforeEach(async () => {
  dir = tempDir()
  upstream = await startUpstream((_request, response) => {
    if (Array.isArray(answer)) answerSse(response, answer)
    else answerJson(response, typeof answer === 'string' ? answer : JSON.stringify(answer))
  })
})

afterEach(async () => {
  await bursar?.close()
  bursar = undefined
  await upstream.close()
  remove(dir)
})

const BUDGETS = [
  '  - { id: usd, name: USD, scope: {}, limit: { usd: 100 }, hard_cap: true }',
  '  - { id: tokens, name: Tokens, scope: {}, limit: { tokens: 10M } }',
  '  - { id: "model:claude-opus-5", name: Opus, limit: { tokens: 10M } }',
  '  - { id: "model:claude-haiku-4-5", name: Haiku, limit: { tokens: 10M } }',
].join('\n')

async function start(budgets = BUDGETS): Promise<string> {
  bursar = await startInProcess({ upstreamUrl: upstream.url, dir, budgets })
  return bursar.url
}

const used = async (url: string, id: string) => (await statusOf(url, id)).used
const messages = [{ role: 'user', content: 'x' }]
const askClaude = (url: string, more: object) =>
  post(url, '/v1/messages', { model: 'claude-opus-5', max_tokens: 1000, messages, ...more }, { 'anthropic-version': '2023-06-01' })
const claude = (input: number, output: number) => ({
  input_tokens: input,
  output_tokens: output,
  cache_read_input_tokens: 0,
  cache_creation_input_tokens: 0,
})
const message = (usage: object, model = 'claude-opus-5') => ({ id: 'm', type: 'message', role: 'assistant', model, content: [], usage })

describe('fallbacks and advisors', () => {
  test('the attempt that served is billed at its own model’s rates, one that was refused before it produced anything is not', async () => {
    const url = await start()
    const iterations = [
      { type: 'message', model: 'claude-opus-5', ...claude(100_000, 0) },
      { type: 'fallback_message', model: 'claude-haiku-4-5', ...claude(100_000, 500) },
    ]
    answer = message({ ...claude(100_000, 500), iterations }, 'claude-haiku-4-5')
    await askClaude(url, { fallbacks: [{ model: 'claude-haiku-4-5' }] })
    // 100,000 at 1 USD and 500 at 5 USD for a million.
    expect(await used(url, 'usd')).toBeCloseTo(0.1025, 9)
    expect([await used(url, 'tokens'), await used(url, 'model:claude-opus-5'), await used(url, 'model:claude-haiku-4-5')]).toEqual([
      100_500, 0, 100_500,
    ])
  })

  test('an answer that names the fallback as its model is the fallback’s, also without iterations', async () => {
    const url = await start()
    answer = message(claude(1000, 100), 'claude-haiku-4-5-20251001')
    await askClaude(url, { fallbacks: [{ model: 'claude-haiku-4-5' }] })
    expect(await used(url, 'usd')).toBeCloseTo(0.0015, 9)
    expect(await used(url, 'model:claude-haiku-4-5')).toBe(1100)
  })

  test('a key without the right to one of the models is refused, whichever way the request names it, and nothing is sent', async () => {
    const keys = `  - { name: tester, secret: ${KEY}, models: ["claude-haiku-*", gpt-4o-mini, gpt-5.5] }`
    bursar = await startInProcess({ upstreamUrl: upstream.url, dir, budgets: BUDGETS, keys })
    const { url } = bursar
    const haiku = { model: 'claude-haiku-4-5' }
    for (const response of [
      await askClaude(url, { ...haiku, fallbacks: [{ model: 'claude-opus-5' }] }),
      await askClaude(url, { ...haiku, tools: [{ type: 'advisor_20260301', name: 'advisor', model: 'claude-opus-5' }] }),
      await post(url, '/v1/chat/completions', { model: 'gpt-4o-mini', models: ['gpt-4o-mini', 'o1-pro'], max_tokens: 5, messages }),
      await post(url, '/v1/responses', { model: 'gpt-5.5', input: 'x', max_output_tokens: 50, tools: [{ type: 'image_generation' }] }),
    ]) {
      expect(response.status).toBe(403)
      expect(await response.text()).toContain('model_not_allowed')
    }
    expect(upstream.received).toHaveLength(0)
  })

  test('the dearest of the models is held, and the budget of each applies', async () => {
    const url = await start(
      [
        '  - { id: usd, name: USD, scope: {}, limit: { usd: 0.05 }, hard_cap: true }',
        '  - { id: "model:o1-pro", name: None, limit: { tokens: 0 }, hard_cap: true }',
      ].join('\n'),
    )
    answer = message(claude(10, 10), 'claude-haiku-4-5')
    const haiku = { model: 'claude-haiku-4-5', max_tokens: 5000 }
    expect((await askClaude(url, haiku)).status).toBe(200)
    // 5,000 tokens of Opus 5 may cost 0.125 USD.
    const clamped = await askClaude(url, { ...haiku, fallbacks: [{ model: 'claude-opus-5' }] })
    expect(Number(clamped.headers.get('x-bursar-max-tokens'))).toBeLessThan(2000)
    const other = await post(url, '/v1/chat/completions', { model: 'gpt-4o-mini', models: ['openai/o1-pro'], max_tokens: 5, messages })
    expect([other.status, await other.text()]).toEqual([429, expect.stringContaining('model:o1-pro')])
  })
})

test('fast mode costs twice where the answer says that it was fast, and that is held where it is asked for', async () => {
  const url = await start()
  answer = message({ ...claude(1000, 1000), speed: 'fast' })
  await askClaude(url, { speed: 'fast' })
  expect(await used(url, 'usd')).toBeCloseTo(0.06, 9)
  answer = message({ ...claude(1000, 1000), speed: 'standard' })
  await askClaude(url, { speed: 'fast' })
  expect(await used(url, 'usd')).toBeCloseTo(0.09, 9)
  answer = message({ ...claude(1000, 1000), inference_geo: 'us' })
  await askClaude(url, { inference_geo: 'us' })
  expect(await used(url, 'usd')).toBeCloseTo(0.123, 9)
})

test('an image that a tool made is charged at the image model’s rates, beside the answer', async () => {
  const url = await start()
  answer = {
    id: 'resp_1',
    object: 'response',
    status: 'completed',
    model: 'gpt-5.5',
    output: [],
    usage: { input_tokens: 1820, output_tokens: 210, total_tokens: 2030 },
    tool_usage: { image_gen: { input_tokens: 30, output_tokens: 7024, total_tokens: 7054, output_tokens_details: { image_tokens: 7024 } } },
  }
  await post(url, '/v1/responses', {
    model: 'gpt-5.5',
    input: 'draw',
    max_output_tokens: 1000,
    tools: [{ type: 'image_generation', model: 'gpt-image-1' }],
  })
  expect(await used(url, 'tokens')).toBe(2030 + 7054)
  // 1,820 at 5 and 210 at 30; 30 at 5 and 7,024 at 40 USD for a million.
  expect(await used(url, 'usd')).toBeCloseTo(0.0154 + 0.28111, 9)
})

test('a call with a count that is not known is charged what is known, and marked as an estimate', async () => {
  const url = await start()
  answer = message({ ...claude(1000, 100), memory_tokens: 5000 })
  await askClaude(url, {})
  expect(await used(url, 'tokens')).toBe(1100)
  const metrics = await (await fetch(`${url}/metrics`)).text()
  expect(metrics).toMatch(/not_understood\w*\{[^}]*\} 1/)
})

test.each(['text', 'srt', 'vtt'])('speech in the form %s tells no length: it is charged by the length of its file', async (form) => {
  const url = await start()
  answer = 'hello world'
  const body = new FormData()
  body.set('model', 'whisper-1')
  body.set('response_format', form)
  body.set('file', new Blob([wav(600)], { type: 'audio/wav' }), 'a.wav')
  await fetch(`${url}/v1/audio/transcriptions`, { method: 'POST', headers: { authorization: `Bearer ${KEY}` }, body })
  // 0.006 USD a minute (https://platform.openai.com/docs/pricing).
  expect(await used(url, 'usd')).toBeCloseTo(0.06, 3)
})

/** So many seconds of silence: 16 kHz, 16 bits, mono. */
function wav(seconds: number): Uint8Array<ArrayBuffer> {
  const bytes = Buffer.alloc(44 + 32_000 * seconds)
  bytes.write('RIFF')
  bytes.write('WAVEfmt ', 8)
  bytes.writeUInt32LE(16, 16)
  bytes.writeUInt16LE(1, 20)
  bytes.writeUInt16LE(1, 22)
  bytes.writeUInt32LE(16_000, 24)
  bytes.writeUInt32LE(32_000, 28)
  bytes.writeUInt16LE(2, 32)
  bytes.writeUInt16LE(16, 34)
  bytes.write('data', 36)
  return new Uint8Array(bytes)
}

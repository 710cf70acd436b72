import { afterAll, beforeAll, expect, test } from 'vitest'
import { KEY, post, remove, startInProcess, tempDir } from './bursar.ts'
import { answerJson, startUpstream } from './upstream.ts'

const LIMITED = 'bsr_limited_key_0123456789'
const dir = tempDir()
let first: Awaited<ReturnType<typeof startUpstream>>
let second: Awaited<ReturnType<typeof startUpstream>>
let bursar: Awaited<ReturnType<typeof startInProcess>>

beforeAll(async () => {
  first = await startUpstream((_, response) => answerJson(response, '{"input_tokens":7}'))
  second = await startUpstream((_, response) => answerJson(response, '{"input_tokens":7}'))
  bursar = await startInProcess({
    upstreamUrl: first.url,
    dir,
    budgets: '  - { id: global, limit: { tokens: 0 }, hard_cap: true }',
    keys: `  - { name: tester, secret: ${KEY} }
  - { name: limited, secret: ${LIMITED}, models: ["gpt-*"] }`,
    providers: `  gemini: { api: gemini, base_url: ${first.url}, api_key: k }
  kimi: { api: anthropic, base_url: ${second.url}, api_key: k, models: ["kimi-*"] }
  local: { api: openai, base_url: ${second.url}/v1, api_key: k, models: ["qwen*"] }
  tuned: { api: gemini, base_url: ${second.url}, api_key: k, models: ["my-*"] }`,
  })
})

afterAll(async () => {
  await bursar.close()
  await first.close()
  await second.close()
  remove(dir)
})

test.each([
  ['/v1/messages/count_tokens?beta=true', 'kimi-k2', '/v1/messages/count_tokens?beta=true'],
  ['/v1/messages/count_tokens', 'kimi/kimi-k2', '/v1/messages/count_tokens'],
  ['/v1/responses/input_tokens', 'qwen3', '/v1/responses/input_tokens'],
  ['/v1/moderations', 'local/qwen3-guard', '/v1/moderations'],
])('%s for %s goes where the model’s calls go', async (path, model, upstreamPath) => {
  const before = first.received.length
  expect((await post(bursar.url, path, { model, input: 'x' })).status).toBe(200)
  const received = second.received.at(-1)
  expect(received?.path).toBe(upstreamPath)
  expect(JSON.parse(received?.body ?? '')).toEqual({ model: model.replace(/^\w+\//, ''), input: 'x' })
  expect(first.received.length).toBe(before)
})

test.each(['/v1beta/models/my-model:countTokens', '/v1beta/models/tuned%2Fmy-model:countTokens'])('%s too', async (path) => {
  expect((await post(bursar.url, path, { contents: [] })).status).toBe(200)
  expect(second.received.at(-1)?.path).toBe('/v1beta/models/my-model:countTokens')
})

test.each([
  ['/v1/messages/count_tokens', { model: 'claude-x' }],
  ['/v1/responses/input_tokens', { model: 'local/qwen3' }],
  ['/v1/moderations', { model: 'omni-moderation-latest' }],
  ['/v1beta/models/gemini-3:countTokens', {}],
])('%s for a model that the key may not use is refused', async (path, body) => {
  const before = first.received.length + second.received.length
  expect((await post(bursar.url, path, body, { authorization: `Bearer ${LIMITED}` })).status).toBe(403)
  const found = await fetch(`${bursar.url}/v1/models/claude-x`, { headers: { authorization: `Bearer ${LIMITED}` } })
  expect(found.status).toBe(403)
  expect(first.received.length + second.received.length).toBe(before)
})

test.each(['{"model":"a","model":"b"}', '{"model":7}', '[]', '{'])('%s is no request that names a model', async (body) => {
  expect((await post(bursar.url, '/v1/messages/count_tokens', body)).status).toBe(400)
})

import { afterEach, beforeEach, expect, test } from 'vitest'
import { countTokens } from '../../src/providers/tokenizer.ts'
import { api, post, remove, startInProcess, statusOf, tempDir } from './bursar.ts'
import { answerJson, startUpstream, type Upstream } from './upstream.ts'

/** Claude's tokenizer is not published: how its counts differ from those at hand is learnt from calls that ended. */

/** Of the simulated model, against OpenAI's encoding. */
const SHARE = 1.25
const TEXT = 'The quick brown fox jumps over the lazy dog, and nobody counts how often it does so. '.repeat(200)

let dir: string
let upstream: Upstream

beforeEach(async () => {
  dir = tempDir()
  upstream = await startUpstream(({ body }, response) => {
    const usage = { input_tokens: Math.round(countTokens(body) * SHARE), output_tokens: 5 }
    answerJson(response, JSON.stringify({ type: 'message', content: [], usage }))
  })
})

afterEach(async () => {
  await upstream.close()
  remove(dir)
})

const ask = (url: string, content: string) =>
  post(url, '/v1/messages', { model: 'claude-sonnet-4-5', max_tokens: 50, messages: [{ role: 'user', content }] })

test('a text that fits by its tokens, though not by its bytes, is let in once the model is known, and stays within its hold', async () => {
  const tokens = countTokens(TEXT) * SHARE
  const bursar = await startInProcess({
    upstreamUrl: upstream.url,
    dir,
    budgets: `  - { id: global, name: Global, limit: { tokens: ${Math.ceil(tokens * 3)} }, hard_cap: true, near_limit: deny }`,
  })
  expect(TEXT.length).toBeGreaterThan(tokens * 3)
  expect((await ask(bursar.url, TEXT)).status).toBe(429)
  for (let index = 0; index < 40; index++) expect((await ask(bursar.url, `Say ${index}.`)).status).toBe(200)
  expect((await ask(bursar.url, TEXT)).status).toBe(200)
  const { rows } = await api<{ rows: { passed: number; calls: number }[] }>(bursar.url, 'doctor/bounds')
  expect(rows).toMatchObject([{ calls: 41, passed: 0 }])
  expect((await statusOf(bursar.url, 'global')).held).toBe(0)
  await bursar.close()
})

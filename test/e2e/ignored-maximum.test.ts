import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { App } from '../../src/compose.ts'
import { api, post, remove, startInProcess, statusOf, tempDir } from './bursar.ts'
import { answerJson, chatCompletion, startUpstream, type Upstream } from './upstream.ts'

/*
 * A provider that ignores the maximum that it is told. What it used is charged; a hard cap must not be passed by it, but by what one
 * call had too much before that was known.
 */

const INPUT = 20
const OUTPUT = 900
const CAP = 100_000

let dir: string
let upstream: Upstream
let bursar: App

const start = (cap = CAP) =>
  startInProcess({ upstreamUrl: upstream.url, dir, budgets: `  - { id: global, name: Global, limit: { tokens: ${cap} }, hard_cap: true }` })

beforeEach(async () => {
  dir = tempDir()
  upstream = await startUpstream((_, response) => answerJson(response, chatCompletion({ input: INPUT, output: OUTPUT })))
  bursar = await start()
})

afterEach(async () => {
  await bursar.close()
  await upstream.close()
  remove(dir)
})

const call = async (more: object = {}) => {
  const response = await post(bursar.url, '/v1/chat/completions', {
    model: 'gpt-4o-mini',
    messages: [{ role: 'user', content: 'Hi' }],
    max_tokens: 1000,
    ...more,
  })
  await response.text()
  return response.status
}

const doctor = async () =>
  (await api<{ distrusted: readonly { provider: string; model: string; output: number }[] }>(bursar.url, 'doctor')).distrusted

describe('a cap that many calls fill', () => {
  test('is passed by one call at most, one after the other', async () => {
    const statuses: number[] = []
    for (let nr = 0; nr < 121; nr++) statuses.push(await call())
    const { used } = await statusOf(bursar.url, 'global')
    expect(used).toBeLessThanOrEqual(CAP + OUTPUT)
    expect(used).toBeGreaterThan(0.95 * CAP)
    expect(statuses.filter((status) => status === 200).length * (INPUT + OUTPUT)).toBe(used)
    expect(await doctor()).toMatchObject([{ provider: 'openai', model: 'gpt-4o-mini', output: OUTPUT }])
  })

  test('is not passed at all once it is known, whatever maximum the calls set, and after a restart', async () => {
    await call({ max_tokens: 10 })
    expect(await doctor()).toHaveLength(1)
    await bursar.close()
    bursar = await start()
    expect(await doctor()).toHaveLength(1)
    for (let nr = 0; nr < 15; nr++) await Promise.all(Array.from({ length: 10 }, () => call({ max_tokens: 1 + nr })))
    const { used } = await statusOf(bursar.url, 'global')
    expect(used).toBeLessThanOrEqual(CAP)
    expect(used).toBeGreaterThan(0.95 * CAP)
  })
})

test('a model that is trusted again is told a maximum, and holds it', async () => {
  await call({ max_tokens: 10 })
  expect(await doctor()).toHaveLength(1)
  const trust = () =>
    api(bursar.url, 'doctor/trust', { method: 'POST', body: JSON.stringify({ provider: 'openai', model: 'gpt-4o-mini' }) })
  await trust()
  expect(await doctor()).toEqual([])
  await expect(trust()).rejects.toThrow('is not distrusted')
})

test('a stream near the cap is ended where its hold ends, though its provider goes on', async () => {
  await bursar.close()
  await upstream.close()
  let chunks = 0
  upstream = await startUpstream(async ({ body }, response) => {
    expect(JSON.parse(body)).toMatchObject({ stream: true })
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    for (let nr = 0; nr < 3000 && !response.destroyed; nr++) {
      chunks++
      const choices = [{ index: 0, delta: { content: ' word' }, finish_reason: null }]
      response.write(`data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', created: 1, model: 'm', choices })}\n\n`)
      if (nr % 10 === 0) await new Promise((resolve) => setImmediate(resolve))
    }
    response.end('data: [DONE]\n\n')
  })
  bursar = await start(2000)
  const response = await post(bursar.url, '/v1/chat/completions', {
    model: 'gpt-4o-mini',
    messages: [{ role: 'user', content: 'Hi' }],
    max_tokens: 2500,
    stream: true,
  })
  const text = await response.text()
  expect(text).toContain('"finish_reason":"length"')
  expect(chunks).toBeLessThan(3000)
  const { used } = await statusOf(bursar.url, 'global')
  expect(used).toBeLessThanOrEqual(2000)
  expect(used).toBeGreaterThan(1500)
  expect(await doctor()).toHaveLength(1)
})

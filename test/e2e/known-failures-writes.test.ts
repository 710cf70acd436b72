import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { api, chat, remove, startInProcess, startProcess, statusOf, tempDir } from './bursar.ts'
import { answerJson, chatCompletion, startUpstream, type Upstream } from './upstream.ts'

/** How other gateways are known to lose what was used on its way to the store, each as a test that it does not happen here. */

const TOKENS = 30

let dir: string
let upstream: Upstream
let cachedInput = 0

beforeEach(async () => {
  dir = tempDir()
  cachedInput = 0
  upstream = await startUpstream((_, response) => {
    const usage = { prompt_tokens: 20, completion_tokens: 10, total_tokens: TOKENS, prompt_tokens_details: { cached_tokens: cachedInput } }
    answerJson(response, cachedInput === 0 ? chatCompletion({ input: 20, output: 10 }) : JSON.stringify({ choices: [], usage }))
  })
})

afterEach(async () => {
  await upstream.close()
  remove(dir)
})

const BUDGETS = `  - { id: global, name: Global, limit: { tokens: 10M }, hard_cap: true }
  - { id: "team:research", name: Research, limit: { tokens: 10M }, hard_cap: true }
  - { id: each, name: Each, scope: {}, each: user, limit: { tokens: 10M }, hard_cap: true }`

/** Calls one after the other until the server does not answer any more; returns how many answers came through whole. */
async function callOn(url: string): Promise<number> {
  let answered = 0
  for (;;) {
    const text = await chat(url, 50).then(
      async (response) => (response.status === 200 ? await response.text() : ''),
      () => '',
    )
    if (text === '') return answered
    answered++
  }
}

test('a buffer is emptied before the write is durable, and a crash then loses the spend: what was answered is in the ledger once', async () => {
  let answered = 0
  for (let round = 0; round < 3; round++) {
    const bursar = await startProcess({ upstreamUrl: upstream.url, dir, budgets: BUDGETS })
    const before = upstream.received.length
    const callers = Array.from({ length: 8 }, () => callOn(bursar.url))
    await expect.poll(() => upstream.received.length, { timeout: 30_000 }).toBeGreaterThan(before + 30)
    await bursar.kill()
    answered += (await Promise.all(callers)).reduce((sum, count) => sum + count, 0)
  }
  const bursar = await startProcess({ upstreamUrl: upstream.url, dir, budgets: BUDGETS })
  const { rows } = await api<{ rows: { calls: number; estimated_calls: number }[] }>(bursar.url, 'usage')
  const { calls = 0, estimated_calls: estimated = 0 } = rows[0] ?? {}
  // What was cut off in flight is charged its hold, as an estimate.
  expect(calls - estimated).toBeGreaterThanOrEqual(answered)
  expect(calls - estimated).toBeLessThanOrEqual(upstream.received.length)
  expect(await api(bursar.url, 'doctor')).toMatchObject({ differences: [], calls_in_flight: 0 })
  await bursar.stop()
}, 120_000)

test('spend is dropped without a word where the store can not take it: then Bursar does not start', async () => {
  writeFileSync(join(dir, 'data'), 'in the way')
  await expect(startProcess({ upstreamUrl: upstream.url, dir, budgets: BUDGETS })).rejects.toThrow(/data/)
})

test('writers that lock each other out drop increments: many at once, with reports beside them, add up', async () => {
  const bursar = await startInProcess({ upstreamUrl: upstream.url, dir, budgets: BUDGETS })
  const calls = Array.from({ length: 300 }, async () => await (await chat(bursar.url, 50)).text())
  const reports = Array.from({ length: 20 }, () => api(bursar.url, 'usage?group_by=user,model&interval=hour'))
  await Promise.all([...calls, ...reports])
  for (const id of ['global', 'team:research']) expect((await statusOf(bursar.url, id)).used).toBe(300 * TOKENS)
  expect((await api<{ rows: { total: number }[] }>(bursar.url, 'usage')).rows).toMatchObject([{ total: 300 * TOKENS }])
  expect(await api(bursar.url, 'doctor')).toMatchObject({ differences: [] })
  await bursar.close()
})

test('minutes of spend are lost at each rolling deploy: three restarts under load, and every answer is charged, exactly', async () => {
  let answered = 0
  for (let round = 0; round < 3; round++) {
    const bursar = await startProcess({ upstreamUrl: upstream.url, dir, budgets: BUDGETS })
    expect((await fetch(`${bursar.url}/readyz`)).status).toBe(200)
    const before = upstream.received.length
    const callers = Array.from({ length: 8 }, () => callOn(bursar.url))
    await expect.poll(() => upstream.received.length, { timeout: 30_000 }).toBeGreaterThan(before + 20)
    expect(await bursar.stop()).toBe(0)
    answered += (await Promise.all(callers)).reduce((sum, count) => sum + count, 0)
  }
  const bursar = await startProcess({ upstreamUrl: upstream.url, dir, budgets: BUDGETS })
  expect(upstream.received).toHaveLength(answered)
  expect(await statusOf(bursar.url, 'global')).toMatchObject({ used: answered * TOKENS, held: 0 })
  await bursar.stop()
}, 120_000)

test('hits of a cache replay full tokens, and count twice: cached tokens are a part of the input, in a column of their own', async () => {
  cachedInput = 15
  const bursar = await startInProcess({ upstreamUrl: upstream.url, dir, budgets: BUDGETS })
  await (await chat(bursar.url, 50)).text()
  expect((await statusOf(bursar.url, 'global')).used).toBe(TOKENS)
  const { rows } = await api<{ rows: object[] }>(bursar.url, 'usage')
  expect(rows).toMatchObject([{ input: 20, cached_input: 15, output: 10, total: TOKENS }])
  await bursar.close()
})

import { afterEach, beforeEach, expect, test } from 'vitest'
import type { App } from '../../src/compose.ts'
import { api, chat, remove, startInProcess, startProcess, statusOf, tempDir, until } from './bursar.ts'
import { answerJson, chatCompletion, startUpstream, type Upstream } from './upstream.ts'

let dir: string
let upstream: Upstream
let produced = 0
let delayMs = 300

beforeEach(async () => {
  dir = tempDir()
  produced = 0
  upstream = await startUpstream(async (request, response) => {
    await new Promise((resolve) => setTimeout(resolve, delayMs * (0.5 + Math.random())))
    const { max_tokens: max } = JSON.parse(request.body) as { max_tokens: number }
    const usage = { input: 20, output: Math.ceil(Math.random() * max) }
    produced += usage.input + usage.output
    answerJson(response, chatCompletion(usage))
  })
})

afterEach(async () => {
  await upstream.close()
  remove(dir)
})

const CAP = 100_000

/** The maximum output with which a call's bound is so many tokens: what it holds beyond its maximum is its input's. */
async function outputForBound(bursar: App, bound: number): Promise<number> {
  const probe = chat(bursar.url, 500)
  let held = 0
  await until(async () => {
    held = Math.max(...(await bursar.engine.standings()).map((standing) => standing.held))
    return held > 0
  })
  expect((await probe).status).toBe(200)
  return bound - (held - 500)
}

test('500 concurrent calls never pass a hard cap of 100,000 tokens, and used is what the provider produced', async () => {
  const bursar = await startInProcess({
    upstreamUrl: upstream.url,
    dir,
    budgets: `  - { id: global, name: Global Cap, limit: { tokens: ${CAP} }, hard_cap: true, near_limit: deny, alert_at: [0.9] }
  - { id: "team:research", name: Research, limit: { tokens: 10M }, hard_cap: true }`,
  })
  const output = await outputForBound(bursar, 1000)
  const load = { isOver: false }
  let mostSeen = 0
  let mostHeld = 0
  let mostAtOnce = 0
  const watch = (async () => {
    while (!load.isOver) {
      mostAtOnce = Math.max(mostAtOnce, bursar.engine.callsInFlight())
      for (const { budget, used, held } of await bursar.engine.standings()) {
        if (budget.id === 'global') {
          mostSeen = Math.max(mostSeen, used + held)
          mostHeld = Math.max(mostHeld, held)
        }
      }
      await new Promise((resolve) => setImmediate(resolve))
    }
  })()
  const responses = await Promise.all(Array.from({ length: 500 }, () => chat(bursar.url, output)))
  load.isOver = true
  await watch
  const refusals = responses.filter(({ status }) => status === 429)
  expect(responses.filter(({ status }) => status === 200).length + refusals.length).toBe(500)
  expect(mostSeen).toBeLessThanOrEqual(CAP)
  expect(mostHeld).toBeGreaterThan(CAP / 2)
  expect(mostAtOnce).toBeGreaterThan(50)
  expect(mostAtOnce).toBeLessThanOrEqual(100)
  expect(upstream.received.length).toBe(1 + 500 - refusals.length)
  expect(refusals.length).toBeGreaterThan(0)
  for (const refusal of refusals) {
    const { error } = (await refusal.json()) as { error: { code: string; budget: { id: string; limit: number; held: number } } }
    expect(error.code).toBe('budget_exceeded')
    expect(error.budget).toMatchObject({ id: 'global', limit: CAP })
    expect(refusal.headers.get('x-should-retry')).toBe('false')
    expect(Number(refusal.headers.get('retry-after'))).toBeGreaterThan(0)
  }
  const row = await statusOf(bursar.url, 'global')
  expect(row).toMatchObject({ used: produced, held: 0 })
  expect((await statusOf(bursar.url, 'team:research')).used).toBe(produced)
  expect(await api(bursar.url, 'doctor')).toMatchObject({ differences: [] })
  await bursar.close()
})

test('after kill -9 under load, 20 times, no answered call is missing and no sum differs', async () => {
  delayMs = 15
  const setup = {
    upstreamUrl: upstream.url,
    dir,
    budgets: '  - { id: global, name: Global Cap, limit: { tokens: 1000M }, hard_cap: true }',
  }
  const answered = new Set<string>()
  for (let round = 0; round < 20; round++) {
    const bursar = await startProcess(setup)
    expect(await api(bursar.url, 'doctor')).toMatchObject({ differences: [], calls_in_flight: 0 })
    const before = answered.size
    const calls = Array.from({ length: 60 }, async () => {
      for (;;) {
        const response = await chat(bursar.url, 300)
        await response.text()
        answered.add(response.headers.get('x-bursar-call') ?? '')
      }
    }).map((loop) => loop.catch(() => undefined))
    // On a busy machine the first answers take their time.
    while (answered.size < before + 10) await new Promise((resolve) => setTimeout(resolve, 10))
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 250))
    await bursar.kill()
    await Promise.all(calls)
  }
  const bursar = await startProcess(setup)
  expect(await api(bursar.url, 'doctor')).toMatchObject({ differences: [], calls_in_flight: 0 })
  const row = await statusOf(bursar.url, 'global')
  expect(row.held).toBe(0)
  expect(row.used).toBeGreaterThanOrEqual(1)
  await bursar.stop()
  const { DatabaseSync } = await import('node:sqlite')
  const db = new DatabaseSync(`${dir}/data/ledger.db`, { readOnly: true })
  const rows = db.prepare('SELECT id FROM calls').all() as { id: string }[]
  db.close()
  const known = new Set(rows.map(({ id }) => id))
  expect(rows.length).toBe(known.size)
  expect(answered.size).toBeGreaterThan(100)
  expect([...answered].filter((id) => !known.has(id))).toEqual([])
}, 240_000)

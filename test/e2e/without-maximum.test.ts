import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { api, chat, remove, startInProcess, statusOf, tempDir } from './bursar.ts'
import { answerJson, chatCompletion, startUpstream, type Upstream } from './upstream.ts'

/*
 * Calls that set no maximum of their own. Holding the model's whole maximum for each would refuse nearly all of them while
 * hardly anything is used; holding nothing would let them pass the cap together.
 */

const AVERAGE_OUTPUT = 500
const INPUT = 20

let dir: string
let upstream: Upstream
let produced = 0

beforeEach(async () => {
  dir = tempDir()
  produced = 0
  upstream = await startUpstream(async (request, response) => {
    await new Promise((resolve) => setTimeout(resolve, 5 + Math.random() * 40))
    const { max_tokens: a, max_completion_tokens: b } = JSON.parse(request.body) as { max_tokens?: number; max_completion_tokens?: number }
    const usage = { input: INPUT, output: Math.min(a ?? b ?? Infinity, Math.ceil(AVERAGE_OUTPUT * (0.5 + Math.random()))) }
    produced += usage.input + usage.output
    answerJson(response, chatCompletion(usage))
  })
})

afterEach(async () => {
  await upstream.close()
  remove(dir)
})

describe('a burst of 300 calls without a maximum against a hard cap that 40 average answers fill', () => {
  const cap = 40 * (AVERAGE_OUTPUT + INPUT)

  test('fills the cap and never passes it, also before anything is known of the model', async () => {
    const bursar = await startInProcess({
      upstreamUrl: upstream.url,
      dir,
      budgets: `  - { id: global, name: Global, limit: { tokens: ${cap} }, hard_cap: true, wait: 60s }`,
    })
    const load = { isOver: false }
    let mostSeen = 0
    const watch = (async () => {
      while (!load.isOver) {
        for (const { used, held } of bursar.engine.standings()) mostSeen = Math.max(mostSeen, used + held)
        await new Promise((resolve) => setImmediate(resolve))
      }
    })()
    const responses = await Promise.all(Array.from({ length: 300 }, () => chat(bursar.url, undefined)))
    load.isOver = true
    await watch
    const answered = responses.filter(({ status }) => status === 200)
    expect(responses.filter(({ status }) => status === 429).length).toBe(300 - answered.length)
    const { used } = await statusOf(bursar.url, 'global')
    expect(used).toBe(produced)
    expect(mostSeen).toBeLessThanOrEqual(cap)
    expect(used).toBeGreaterThanOrEqual(0.9 * cap)
    expect(answered.length).toBeGreaterThanOrEqual(35)
    expect(await api(bursar.url, 'doctor')).toMatchObject({ differences: [] })
    await bursar.close()
  })
})

test('what such a call is allowed follows what its caller’s calls to the model have used, and is not cut where there is plenty', async () => {
  const bursar = await startInProcess({
    upstreamUrl: upstream.url,
    dir,
    budgets: `  - { id: global, name: Global, limit: { tokens: 60k }, hard_cap: true }
  - { id: "team:research", name: Large, limit: { tokens: 60M }, hard_cap: true }`,
  })
  const allowed = async () => Number((await chat(bursar.url, undefined)).headers.get('x-bursar-max-tokens'))
  const unknown = await allowed()
  expect(unknown).toBeGreaterThanOrEqual(4096)
  for (let count = 0; count < 30; count++) await chat(bursar.url, undefined)
  const learnt = await allowed()
  expect(learnt).toBeLessThan(unknown)
  expect(learnt).toBeGreaterThanOrEqual(1.5 * AVERAGE_OUTPUT)
  await bursar.close()
})

test('with plenty of room it is allowed all that the model can give', async () => {
  const bursar = await startInProcess({
    upstreamUrl: upstream.url,
    dir,
    budgets: '  - { id: global, name: Global, limit: { tokens: 60M }, hard_cap: true }',
  })
  expect((await chat(bursar.url, undefined)).headers.get('x-bursar-max-tokens')).toBeNull()
  await bursar.close()
})

import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { api, chat, post, remove, startInProcess, statusOf, tempDir } from './bursar.ts'
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

let outputWanted = () => Math.ceil(AVERAGE_OUTPUT * (0.5 + Math.random()))

/** The maximum that the request sets, in whichever field. */
function maximumIn(body: string): number {
  const json = JSON.parse(body) as Record<string, unknown>
  const maxima = ['max_tokens', 'max_completion_tokens', 'max_output_tokens'].map((name) => json[name])
  return Math.min(...maxima.map((max) => (typeof max === 'number' ? max : Infinity)))
}

beforeEach(async () => {
  outputWanted = () => Math.ceil(AVERAGE_OUTPUT * (0.5 + Math.random()))
  dir = tempDir()
  produced = 0
  upstream = await startUpstream(async (request, response) => {
    await new Promise((resolve) => setTimeout(resolve, 5 + Math.random() * 40))
    const usage = { input: INPUT, output: Math.min(maximumIn(request.body), outputWanted()) }
    produced += usage.input + usage.output
    if (request.path.endsWith('/responses')) {
      const counts = { input_tokens: usage.input, output_tokens: usage.output, total_tokens: usage.input + usage.output }
      return answerJson(response, JSON.stringify({ status: 'completed', output: [], usage: counts }))
    }
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

describe('an answer that would be endless is clamped in the field that its API has, and the cap holds to the token', () => {
  test.each([
    ['/v1/chat/completions', { messages: [{ role: 'user', content: 'Go on.' }] }],
    ['/v1/chat/completions', { messages: [{ role: 'user', content: 'Go on.' }], stream: true }],
    ['/v1/completions', { prompt: 'Go on.', max_tokens: 1_000_000 }],
    ['/v1/responses', { input: 'Go on.' }],
  ])('%s', async (path, body) => {
    outputWanted = () => 1_000_000
    const cap = 3000
    const bursar = await startInProcess({
      upstreamUrl: upstream.url,
      dir,
      budgets: `  - { id: global, name: Global, limit: { tokens: ${cap} }, hard_cap: true }`,
    })
    const statuses: number[] = []
    while (statuses.at(-1) !== 429 && statuses.length < 200) {
      const response = await post(bursar.url, path, { model: 'gpt-4o-mini', ...body })
      await response.text()
      statuses.push(response.status)
      expect((await statusOf(bursar.url, 'global')).used).toBeLessThanOrEqual(cap)
    }
    expect(statuses.filter((status) => status === 200).length).toBeGreaterThan(0)
    expect(new Set(statuses)).toEqual(new Set([200, 429]))
    const { used } = await statusOf(bursar.url, 'global')
    expect(used).toBe(produced)
    expect(used).toBeGreaterThan(0.9 * cap)
    await bursar.close()
  })
})

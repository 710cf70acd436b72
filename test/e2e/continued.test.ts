import { afterAll, beforeAll, expect, test } from 'vitest'
import type { App } from '../../src/compose.ts'
import { KEY, post, remove, startInProcess, statusOf, tempDir } from './bursar.ts'
import { answerJson, startUpstream, type Upstream } from './upstream.ts'

/*
 * A request that continues an earlier answer has that answer's whole conversation as its input, though nothing of it stands in
 * the request.
 */

const CAP = 10_000
const FIRST = { input: 2500, output: 500 }

const dir = tempDir()
let upstream: Upstream
let bursar: App
let heldInFlight = 0
let answers = 0

beforeAll(async () => {
  upstream = await startUpstream(async ({ body }, response) => {
    heldInFlight = (await statusOf(bursar.url, 'global')).held
    const isFirst = !body.includes('previous_response_id')
    const usage = isFirst ? FIRST : { input: FIRST.input + FIRST.output + 5, output: 20 }
    const counts = { input_tokens: usage.input, output_tokens: usage.output, total_tokens: usage.input + usage.output }
    answerJson(response, JSON.stringify({ id: `resp_${++answers}`, object: 'response', status: 'completed', output: [], usage: counts }))
  })
  bursar = await startInProcess({
    upstreamUrl: upstream.url,
    dir,
    keys: `  - { name: tester, secret: ${KEY}, objects: all }`,
    budgets: `  - { id: global, name: Global, limit: { tokens: ${CAP} }, hard_cap: true, near_limit: deny }`,
  })
})

afterAll(async () => {
  await bursar.close()
  await upstream.close()
  remove(dir)
})

const respond = (more: Record<string, unknown>) =>
  post(bursar.url, '/v1/responses', { model: 'gpt-4o-mini', input: 'x'.repeat(3000), max_output_tokens: 500, ...more })

test('what an earlier answer brings is held with the request that continues it', async () => {
  const first = (await (await respond({})).json()) as { id: string }
  expect(await statusOf(bursar.url, 'global')).toMatchObject({ used: 3000, held: 0 })
  const next = await respond({ input: 'Go on.', previous_response_id: first.id })
  expect(next.status).toBe(200)
  expect(heldInFlight).toBeGreaterThanOrEqual(3000 + 500)
  expect(heldInFlight).toBeLessThan(3000 + 500 + 300)
  expect((await statusOf(bursar.url, 'global')).used).toBe(3000 + 3025)
})

test('an answer of which nothing is known may fill the context of the model', async () => {
  const unknown = await respond({ input: 'Go on.', previous_response_id: 'resp_from_last_year' })
  expect(unknown.status).toBe(429)
})

test('the tighter bound of a tokenizer does not forget the conversation', async () => {
  const { used } = await statusOf(bursar.url, 'global')
  expect(CAP - used).toBeLessThan(5000)
  // By its bytes this call does not fit, by its tokens it does, and with its conversation it does not.
  const answer = await respond({ input: 'word '.repeat(800), previous_response_id: 'resp_2', max_output_tokens: 200 })
  expect(answer.status).toBe(429)
})

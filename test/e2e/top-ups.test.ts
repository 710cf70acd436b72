import OpenAI from 'openai'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { App } from '../../src/compose.ts'
import { api, KEY, remove, startInProcess, statusOf, tempDir } from './bursar.ts'
import { startUpstream, type Upstream } from './upstream.ts'

/*
 * Streams without a maximum of their own: their hold begins with what is expected and is raised while they run; where no budget
 * has room for more they end as if the model had reached its maximum.
 */

const INPUT = 10

let dir: string
let upstream: Upstream
/** Tokens that an answer would have, and whether the provider minds a maximum. */
let wanted = 1000
let heedsMaximum = true
/** Tokens of an event, and events that are written at once. */
let atOnce = 1
let produced = 0
let cancelled = 0

interface Asked {
  readonly max_tokens?: number
  readonly max_completion_tokens?: number
  readonly max_output_tokens?: number
}

const WORD = ' word'

beforeEach(async () => {
  dir = tempDir()
  wanted = 1000
  heedsMaximum = true
  atOnce = 8
  produced = 0
  cancelled = 0
  upstream = await startUpstream(async ({ path, body }, response) => {
    const json = JSON.parse(body) as Asked
    const max = heedsMaximum ? (json.max_tokens ?? json.max_completion_tokens ?? json.max_output_tokens ?? Infinity) : Infinity
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    const tokens = Math.min(max, wanted)
    const events = path.endsWith('/responses') ? responseEvents : chatEvents
    for (const text of events(tokens, tokens < wanted)) {
      if (response.destroyed) break
      response.write(text)
      await new Promise((resolve) => setImmediate(resolve))
    }
    if (response.destroyed) cancelled++
    response.end()
  })
})

afterEach(async () => {
  await upstream.close()
  remove(dir)
})

const event = (data: object): string => `data: ${JSON.stringify(data)}\n\n`

function* chatEvents(tokens: number, isCut: boolean): Iterable<string> {
  const chunk = { id: 'c1', object: 'chat.completion.chunk', created: 1, model: 'gpt-4o-mini' }
  for (let at = 0; at < tokens; at += atOnce) {
    const count = Math.min(atOnce, tokens - at)
    produced += count
    yield Array.from({ length: count }, () =>
      event({ ...chunk, choices: [{ index: 0, delta: { content: WORD }, finish_reason: null }] }),
    ).join('')
  }
  produced += INPUT
  yield event({ ...chunk, choices: [{ index: 0, delta: {}, finish_reason: isCut ? 'length' : 'stop' }] })
  yield event({ ...chunk, choices: [], usage: { prompt_tokens: INPUT, completion_tokens: tokens, total_tokens: INPUT + tokens } })
  yield 'data: [DONE]\n\n'
}

function* responseEvents(tokens: number): Iterable<string> {
  const response = { id: 'resp_1', object: 'response', model: 'gpt-4o-mini', status: 'in_progress', output: [], usage: null }
  const item = { id: 'msg_1', type: 'message', role: 'assistant', status: 'in_progress', content: [] }
  const at = { item_id: 'msg_1', output_index: 0, content_index: 0 }
  yield event({ type: 'response.created', response, sequence_number: 0 })
  yield event({ type: 'response.output_item.added', output_index: 0, item, sequence_number: 1 })
  yield event({ type: 'response.content_part.added', ...at, part: { type: 'output_text', text: '', annotations: [] }, sequence_number: 2 })
  for (let i = 0; i < tokens; i++) {
    produced++
    yield event({ type: 'response.output_text.delta', ...at, delta: WORD, sequence_number: 3 + i })
  }
  const usage = { input_tokens: INPUT, output_tokens: tokens, total_tokens: INPUT + tokens }
  yield event({ type: 'response.completed', response: { ...response, status: 'completed', usage }, sequence_number: 9_999_999 })
}

const start = (limit: number, more = ''): Promise<App> =>
  startInProcess({
    upstreamUrl: upstream.url,
    dir,
    budgets: `  - { id: global, name: Global, limit: { tokens: ${limit} }, hard_cap: true${more} }`,
  })

/** The most that was used and held at once while `run` ran. */
async function mostDuring(bursar: App, run: () => Promise<unknown>): Promise<number> {
  const load = { isOver: false }
  let most = 0
  const watch = (async () => {
    while (!load.isOver) {
      for (const { used, held } of await bursar.engine.standings()) most = Math.max(most, used + held)
      await new Promise((resolve) => setImmediate(resolve))
    }
  })()
  await run()
  load.isOver = true
  await watch
  return most
}

interface Answer {
  readonly words: number
  readonly reason: string | null | undefined
}

async function stream(bursar: App, model = 'gpt-4o-mini'): Promise<Answer> {
  const openai = new OpenAI({ baseURL: `${bursar.url}/v1`, apiKey: KEY, maxRetries: 0 })
  const chunks = await openai.chat.completions.create({ model, messages: [{ role: 'user', content: 'Go on.' }], stream: true })
  let text = ''
  let reason: Answer['reason']
  for await (const { choices } of chunks) {
    text += choices[0]?.delta.content ?? ''
    reason = choices[0]?.finish_reason ?? reason
  }
  return { words: text.length / WORD.length, reason }
}

test('an answer that gets longer than expected is raised as it comes, and comes whole', async () => {
  wanted = 9000
  const bursar = await start(20_000)
  let heldFirst = 0
  let answer: Answer | undefined
  const most = await mostDuring(bursar, async () => {
    const running = stream(bursar)
    while (heldFirst === 0) {
      heldFirst = (await statusOf(bursar.url, 'global')).held
    }
    answer = await running
  })
  expect(answer).toEqual({ words: 9000, reason: 'stop' })
  expect(heldFirst).toBeLessThan(1000)
  expect(most).toBeGreaterThan(9000)
  expect(most).toBeLessThanOrEqual(20_000)
  expect(await statusOf(bursar.url, 'global')).toMatchObject({ used: 9000 + INPUT, held: 0 })
  expect(await api(bursar.url, 'doctor')).toMatchObject({ differences: [] })
  await bursar.close()
})

test('an answer that would be endless ends at the cap, to the token, by the provider’s own maximum', async () => {
  wanted = 1_000_000
  const bursar = await start(7000)
  const { words, reason } = await stream(bursar)
  expect(reason).toBe('length')
  expect(words).toBeGreaterThan(6500)
  const { used, held } = await statusOf(bursar.url, 'global')
  expect(used).toBe(produced)
  expect(used).toBeLessThanOrEqual(7000)
  expect(held).toBe(0)
  await bursar.close()
})

describe('where others take the room', () => {
  test.each([1, 500])('streams end cleanly, and no more is used or held than the cap, with %i events at once', async (events) => {
    wanted = 1_000_000
    heedsMaximum = false
    atOnce = events
    const cap = 16_000
    const bursar = await start(cap)
    let answers: readonly Answer[] = []
    const most = await mostDuring(bursar, async () => {
      answers = await Promise.all([stream(bursar), stream(bursar), stream(bursar)])
    })
    expect(answers.map(({ reason }) => reason)).toEqual(['length', 'length', 'length'])
    expect(most).toBeLessThanOrEqual(cap)
    const { used, held } = await statusOf(bursar.url, 'global')
    expect(held).toBe(0)
    expect(used).toBeGreaterThan(0.9 * cap)
    expect(used).toBeLessThanOrEqual(cap)
    expect(used).toBeGreaterThanOrEqual(answers.reduce((sum, { words }) => sum + words, 0))
    expect(cancelled).toBe(3)
    await bursar.close()
  })

  test('a response ends as incomplete for its official client', async () => {
    wanted = 1_000_000
    heedsMaximum = false
    const bursar = await start(6000)
    const openai = new OpenAI({ baseURL: `${bursar.url}/v1`, apiKey: KEY, maxRetries: 0 })
    const response = await openai.responses.stream({ model: 'gpt-4o-mini', input: 'Go on.' }).finalResponse()
    expect(response.status).toBe('incomplete')
    expect(response.incomplete_details).toEqual({ reason: 'max_output_tokens' })
    expect(response.output_text.length / WORD.length).toBeGreaterThan(5000)
    const { used, held } = await statusOf(bursar.url, 'global')
    expect({ held, isWithin: used <= 6000 }).toEqual({ held: 0, isWithin: true })
    await bursar.close()
  })
})

test('a model that hides what it thinks is clamped, and not counted by what it shows', async () => {
  wanted = 1_000_000
  const bursar = await start(20_000)
  const { words, reason } = await stream(bursar, 'o3-mini')
  expect(reason).toBe('length')
  expect(words).toBe(4096)
  await bursar.close()
})

test('a burst of 300 streams against a cap that 40 of them fill uses it, and never passes it', async () => {
  const cap = 40 * 520
  let count = 0
  const bursar = await start(cap, ', wait: 60s')
  const answers: Answer[] = []
  let refused = 0
  const most = await mostDuring(bursar, async () => {
    const one = async () => {
      wanted = 250 + ((count++ * 37) % 500)
      await stream(bursar).then(
        (answer) => answers.push(answer),
        () => refused++,
      )
    }
    await Promise.all(Array.from({ length: 300 }, one))
  })
  const { used, held } = await statusOf(bursar.url, 'global')
  expect(answers.length + refused).toBe(300)
  expect(held).toBe(0)
  expect(most).toBeLessThanOrEqual(cap)
  expect(used).toBeGreaterThanOrEqual(0.9 * cap)
  expect(new Set(answers.map(({ reason }) => reason)).isSubsetOf(new Set(['stop', 'length']))).toBe(true)
  expect(answers.length).toBeGreaterThanOrEqual(35)
  const report = await api<{ rows: { passed: number; spared: number }[]; overshoot: unknown[] }>(bursar.url, 'doctor/bounds')
  expect(report.overshoot).toEqual([])
  expect(report.rows).toMatchObject([{ passed: 0 }])
  expect(report.rows[0]?.spared).toBeGreaterThan(0)
  await bursar.close()
})

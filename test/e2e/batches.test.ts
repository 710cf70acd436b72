import Anthropic from '@anthropic-ai/sdk'
import OpenAI, { toFile } from 'openai'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { api, KEY, post, remove, type Setup, startInProcess, startProcess, statusOf, tempDir, until } from './bursar.ts'
import { answerJson, type Received, startUpstream, type Upstream } from './upstream.ts'

/*
 * Work that a provider goes on with after it answered: batches, and responses in the background. What it may use is held until
 * its results are there, however long that takes, and whoever asks for them.
 */

const INPUT = 10
const OUTPUT = 20

/** What the provider was given, and how far it is. */
interface World {
  readonly files: Map<string, string>
  status: 'in_progress' | 'completed' | 'failed' | 'expired'
  /** Answers of the first so many requests; the others were not worked off. */
  done: number
  isSubmissionRefused: boolean
  isForgotten: boolean
  requests: { readonly custom_id: string; readonly params: { readonly model: string } }[]
}

let dir: string
let upstream: Upstream
let world: World

const setup = (budgets: string): Setup => ({ upstreamUrl: upstream.url, dir, budgets })
/** Half of the list price of gpt-4o-mini: 0.15 and 0.60 USD for a million (https://openai.com/api/pricing). */
const USD_EACH = (INPUT * 0.15 + OUTPUT * 0.6) / 1e6 / 2
const ROOMY = `  - { id: global, name: Global, limit: { tokens: 10M }, hard_cap: true }
  - { id: calls, name: Calls, scope: {}, limit: { requests: 1k }, hard_cap: true }
  - { id: money, name: Money, scope: {}, limit: { usd: 5 }, hard_cap: true }`

function chatAnswer(index: number): string {
  const usage = { prompt_tokens: INPUT, completion_tokens: OUTPUT, total_tokens: INPUT + OUTPUT }
  const body = { id: `chatcmpl-${index}`, object: 'chat.completion', model: 'gpt-4o-mini-2024-07-18', choices: [], usage }
  return JSON.stringify({ id: `r${index}`, custom_id: `c${index}`, response: { status_code: 200, request_id: 'x', body }, error: null })
}

function answerOpenAi({ method, path, body }: Received): [number, unknown] | string | undefined {
  if (method === 'POST' && path === '/v1/files') {
    const id = `file-${world.files.size + 1}`
    world.files.set(id, /\r\n\r\n(\{[\s\S]*\})\s*\r\n--/.exec(body)?.[1] ?? '')
    return [200, { id, object: 'file', bytes: body.length, created_at: 1, filename: 'in.jsonl', purpose: 'batch', status: 'processed' }]
  }
  const content = /^\/v1\/files\/([^/]+)\/content$/.exec(path)?.[1]
  if (content !== undefined)
    return content === 'file-out'
      ? Array.from({ length: world.done }, (_, i) => chatAnswer(i)).join('\n')
      : (world.files.get(content) ?? [404, {}])
  if (!path.startsWith('/v1/batches')) return undefined
  if (method === 'POST' && world.isSubmissionRefused) return [400, { error: { message: 'no', type: 'invalid_request_error' } }]
  if (world.isForgotten) return [404, {}]
  const hasOutput = world.status === 'completed' || world.status === 'expired'
  const batch = {
    id: 'batch_1',
    object: 'batch',
    endpoint: '/v1/chat/completions',
    completion_window: '24h',
    created_at: 1,
    input_file_id: 'file-1',
  }
  return [200, { ...batch, status: world.status, output_file_id: hasOutput && world.done > 0 ? 'file-out' : null, errors: null }]
}

function answerAnthropic({ method, path, body }: Received): [number, unknown] | string | undefined {
  if (!path.startsWith('/v1/messages/batches')) return undefined
  if (method === 'POST') world.requests = (JSON.parse(body) as Pick<World, 'requests'>).requests
  if (path.endsWith('/results')) {
    const usage = { input_tokens: INPUT, output_tokens: OUTPUT, service_tier: 'batch' }
    const lines = world.requests.map(({ custom_id, params: { model } }, i) => {
      const result =
        i < world.done
          ? { type: 'succeeded', message: { id: 'm', type: 'message', model: `${model}-20251001`, content: [], usage } }
          : { type: 'expired' }
      return JSON.stringify({ custom_id, result })
    })
    return lines.join('\n')
  }
  const status = world.status === 'completed' ? 'ended' : 'in_progress'
  return [200, { id: 'msgbatch_1', type: 'message_batch', processing_status: status, results_url: null, request_counts: {} }]
}

function answerResponses({ method, path }: Received): [number, unknown] | undefined {
  if (!path.startsWith('/v1/responses')) return undefined
  const isDone = method === 'GET' && world.status === 'completed'
  const usage = isDone ? { input_tokens: INPUT, output_tokens: OUTPUT, total_tokens: INPUT + OUTPUT } : null
  return [
    200,
    {
      id: 'resp_1',
      object: 'response',
      background: true,
      model: 'gpt-4o-mini',
      status: isDone ? 'completed' : 'queued',
      output: [],
      usage,
    },
  ]
}

beforeEach(async () => {
  dir = tempDir()
  world = { files: new Map(), status: 'in_progress', done: 3, isSubmissionRefused: false, isForgotten: false, requests: [] }
  upstream = await startUpstream((request, response) => {
    const answer = answerOpenAi(request) ?? answerAnthropic(request) ?? answerResponses(request) ?? [404, {}]
    if (typeof answer === 'string') response.writeHead(200, { 'content-type': 'application/octet-stream' }).end(answer)
    else answerJson(response, JSON.stringify(answer[1]), answer[0])
  })
})

afterEach(async () => {
  await upstream.close()
  remove(dir)
})

async function submit(url: string, lines = 3, maxTokens = 100): Promise<OpenAI.Batch> {
  const openai = new OpenAI({ baseURL: `${url}/v1`, apiKey: KEY, maxRetries: 0 })
  const requests = Array.from({ length: lines }, (_, i) => {
    const body = { model: 'gpt-4o-mini', messages: [{ role: 'user', content: 'Hi' }], max_tokens: maxTokens }
    return JSON.stringify({ custom_id: `c${i}`, method: 'POST', url: '/v1/chat/completions', body })
  })
  const file = await openai.files.create({ file: await toFile(Buffer.from(requests.join('\n')), 'in.jsonl'), purpose: 'batch' })
  return await openai.batches.create({ input_file_id: file.id, endpoint: '/v1/chat/completions', completion_window: '24h' })
}

const settled = (url: string) => until(async () => (await statusOf(url, 'global')).held === 0)

describe('a batch of OpenAI', () => {
  test('holds what its file may use when it is submitted, and is charged what its results say, at half the price', async () => {
    const bursar = await startInProcess(setup(ROOMY))
    expect((await submit(bursar.url)).id).toBe('batch_1')
    const open = await statusOf(bursar.url, 'global')
    expect(open.used).toBe(0)
    expect(open.held).toBeGreaterThan(3 * (INPUT + 100))
    expect((await statusOf(bursar.url, 'calls')).held).toBe(3)
    world.status = 'completed'
    const openai = new OpenAI({ baseURL: `${bursar.url}/v1`, apiKey: KEY })
    const { output_file_id: output } = await openai.batches.retrieve('batch_1')
    expect((await (await openai.files.content(output ?? '')).text()).split('\n')).toHaveLength(3)
    await settled(bursar.url)
    expect((await statusOf(bursar.url, 'global')).used).toBe(3 * (INPUT + OUTPUT))
    expect((await statusOf(bursar.url, 'calls')).used).toBe(3)
    expect((await statusOf(bursar.url, 'money')).used).toBeCloseTo(3 * USD_EACH, 9)
    expect(await api(bursar.url, 'doctor')).toMatchObject({ differences: [] })
    await bursar.close()
  })

  test.each([
    ['failed', 0, 0],
    ['expired', 2, 2 * (INPUT + OUTPUT)],
  ] as const)('that has %s is charged what was done of it, and the rest is given back', async (status, done, used) => {
    const bursar = await startInProcess(setup(ROOMY))
    await submit(bursar.url)
    world.status = status
    world.done = done
    await settled(bursar.url)
    expect((await statusOf(bursar.url, 'global')).used).toBe(used)
    expect((await statusOf(bursar.url, 'calls')).used).toBe(done)
    await bursar.close()
  })

  test('that does not fit is refused before it is submitted', async () => {
    const bursar = await startInProcess(setup('  - { id: global, name: Global, limit: { tokens: 1k }, hard_cap: true }'))
    await expect(submit(bursar.url, 20)).rejects.toMatchObject({ status: 429, code: 'budget_exceeded' })
    expect(upstream.received.some(({ method, path }) => method === 'POST' && path === '/v1/batches')).toBe(false)
    expect(await statusOf(bursar.url, 'global')).toMatchObject({ used: 0, held: 0 })
    await bursar.close()
  })

  test('that the provider refuses, or whose file is not there, holds nothing', async () => {
    const bursar = await startInProcess(setup(ROOMY))
    world.isSubmissionRefused = true
    await expect(submit(bursar.url)).rejects.toMatchObject({ status: 400 })
    const missing = { input_file_id: 'file-9', endpoint: '/v1/chat/completions', completion_window: '24h' }
    const response = await post(bursar.url, '/v1/batches', missing)
    expect(response.status).toBe(404)
    expect(await response.text()).toContain('there is no \\"file-9\\"')
    expect(await statusOf(bursar.url, 'global')).toMatchObject({ used: 0, held: 0 })
    await bursar.close()
  })

  test('that ends while Bursar is down, after it was killed, is charged when it is back', async () => {
    const before = await startProcess(setup(ROOMY))
    await submit(before.url)
    await before.kill()
    const between = await startProcess(setup(ROOMY))
    expect((await statusOf(between.url, 'global')).held).toBeGreaterThan(300)
    await between.stop()
    world.status = 'completed'
    const after = await startProcess(setup(ROOMY))
    await settled(after.url)
    expect(await statusOf(after.url, 'global')).toMatchObject({ used: 3 * (INPUT + OUTPUT), held: 0 })
    expect((await statusOf(after.url, 'money')).used).toBeCloseTo(3 * USD_EACH, 9)
    expect(await api(after.url, 'doctor')).toMatchObject({ differences: [] })
    await after.stop()
  })

  test('that the provider does not know any more is charged its hold', async () => {
    const bursar = await startInProcess(setup(ROOMY))
    await submit(bursar.url)
    const { held } = await statusOf(bursar.url, 'global')
    world.isForgotten = true
    await settled(bursar.url)
    expect((await statusOf(bursar.url, 'global')).used).toBe(held)
    await bursar.close()
  })

  test('is asked for again where the provider can not be reached', async () => {
    const bursar = await startInProcess(setup(ROOMY))
    await submit(bursar.url)
    const { held } = await statusOf(bursar.url, 'global')
    await upstream.close()
    await until(() => bursar.logged.some((line) => line.includes("openai/batch_1 can't be asked for")))
    expect((await statusOf(bursar.url, 'global')).held).toBe(held)
    await bursar.close()
  })
})

describe('how batches are known to escape', () => {
  test('the cap of a team is ignored by batches: a file that can not be read is no way around it either', async () => {
    const bursar = await startInProcess(setup('  - { id: "team:research", name: Research, limit: { tokens: 0 }, hard_cap: true }'))
    await expect(submit(bursar.url)).rejects.toMatchObject({ status: 429, code: 'budget_exceeded' })
    // Its own file, which has become another.
    world.files.set('file-1', 'this is no JSON')
    const unreadable = { input_file_id: 'file-1', endpoint: '/v1/chat/completions', completion_window: '24h' }
    expect((await post(bursar.url, '/v1/batches', unreadable)).status).toBe(400)
    expect(upstream.received.some(({ method, path }) => method === 'POST' && path === '/v1/batches')).toBe(false)
    await bursar.close()
  })

  test('the cost of a batch is counted only if its caller asks for it, or once for each time that it asks', async () => {
    const bursar = await startInProcess(setup(ROOMY))
    await submit(bursar.url)
    world.status = 'completed'
    await settled(bursar.url)
    const openai = new OpenAI({ baseURL: `${bursar.url}/v1`, apiKey: KEY })
    for (let asked = 0; asked < 3; asked++) expect((await openai.batches.retrieve('batch_1')).status).toBe('completed')
    expect(await statusOf(bursar.url, 'global')).toMatchObject({ used: 3 * (INPUT + OUTPUT), held: 0 })
    await bursar.close()
  })
})

test('a batch of Anthropic is a call for each of its models, and each is charged its own messages', async () => {
  const bursar = await startInProcess(
    setup(`${ROOMY}
  - { id: "model:claude-haiku-4-5", name: Haiku, limit: { tokens: 1M }, hard_cap: true }
  - { id: "model:claude-sonnet-4-5", name: Sonnet, limit: { tokens: 1M }, hard_cap: true }`),
  )
  const anthropic = new Anthropic({ baseURL: bursar.url, apiKey: KEY, maxRetries: 0 })
  const requests = ['claude-haiku-4-5', 'claude-haiku-4-5', 'claude-sonnet-4-5'].map((model, i) => ({
    custom_id: `c${i}`,
    params: { model, max_tokens: 100, messages: [{ role: 'user' as const, content: 'Hi' }] },
  }))
  expect((await anthropic.messages.batches.create({ requests })).id).toBe('msgbatch_1')
  expect((await statusOf(bursar.url, 'model:claude-haiku-4-5')).held).toBeGreaterThan(200)
  world.status = 'completed'
  await settled(bursar.url)
  expect((await statusOf(bursar.url, 'global')).used).toBe(3 * (INPUT + OUTPUT))
  expect((await statusOf(bursar.url, 'model:claude-haiku-4-5')).used).toBe(2 * (INPUT + OUTPUT))
  expect((await statusOf(bursar.url, 'model:claude-sonnet-4-5')).used).toBe(INPUT + OUTPUT)
  await bursar.close()
})

test('a response in the background is held until it is done, and then charged', async () => {
  const bursar = await startInProcess(setup(ROOMY))
  const openai = new OpenAI({ baseURL: `${bursar.url}/v1`, apiKey: KEY })
  const response = await openai.responses.create({ model: 'gpt-4o-mini', input: 'Hi', background: true, max_output_tokens: 100 })
  expect(response.status).toBe('queued')
  expect(await statusOf(bursar.url, 'global')).toMatchObject({ used: 0 })
  expect((await statusOf(bursar.url, 'global')).held).toBeGreaterThan(100)
  world.status = 'completed'
  expect((await openai.responses.retrieve('resp_1')).status).toBe('completed')
  await settled(bursar.url)
  expect((await statusOf(bursar.url, 'global')).used).toBe(INPUT + OUTPUT)
  expect((await statusOf(bursar.url, 'calls')).used).toBe(1)
  await bursar.close()
})

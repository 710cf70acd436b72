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
        for (const { used, held } of await bursar.engine.standings()) mostSeen = Math.max(mostSeen, used + held)
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

/** Every number that an API takes as the maximum, wherever it stands. */
function everyMaximumIn(value: unknown): readonly number[] {
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([name, member]) =>
    MAXIMA.has(name) && typeof member === 'number' ? [member] : everyMaximumIn(member),
  )
}

const MAXIMA = new Set([
  'max_tokens', 'max_completion_tokens', 'max_output_tokens', 'maxOutputTokens', 'maxTokens', 'max_new_tokens', 'max_gen_len',
  'maxTokenCount', 'num_predict', 'max_tokens_to_sample',
]) // prettier-ignore

type Counts = { readonly input: number; readonly output: number }
const whole = ({ input, output }: Counts) => input + output

const chatUsage = (of: Counts) => ({ prompt_tokens: of.input, completion_tokens: of.output, total_tokens: whole(of) })
const tokenUsage = (of: Counts) => ({ input_tokens: of.input, output_tokens: of.output })
const geminiUsage = (of: Counts) => ({ promptTokenCount: of.input, candidatesTokenCount: of.output, totalTokenCount: whole(of) })

const MESSAGES = [{ role: 'user', content: 'Go on.' }]
const CONTENTS = { contents: [{ role: 'user', parts: [{ text: 'Go on.' }] }] }
const CONVERSE = [{ role: 'user', content: [{ text: 'Go on.' }] }]

interface Api {
  readonly path: string
  readonly body: object
  readonly answer: (of: Counts) => object
}

const responses = (of: Counts) => ({ status: 'completed', output: [], usage: { ...tokenUsage(of), total_tokens: whole(of) } })
const APIS: readonly Api[] = [
  {
    path: '/v1/chat/completions',
    body: { model: 'gpt-4o-mini', messages: MESSAGES },
    answer: (of) => ({ choices: [], usage: chatUsage(of) }),
  },
  { path: '/v1/chat/completions', body: { model: 'o3-mini', messages: MESSAGES }, answer: (of) => ({ choices: [], usage: chatUsage(of) }) },
  {
    path: '/v1/completions',
    body: { model: 'gpt-3.5-turbo-instruct', prompt: 'Go on.', max_tokens: 1_000_000 },
    answer: (of) => ({ choices: [], usage: chatUsage(of) }),
  },
  { path: '/v1/responses', body: { model: 'gpt-4o-mini', input: 'Go on.' }, answer: responses },
  {
    path: '/v1/messages',
    body: { model: 'claude-sonnet-4-5', messages: MESSAGES, max_tokens: 64_000 },
    answer: (of) => ({ type: 'message', content: [], usage: tokenUsage(of) }),
  },
  {
    path: '/google/v1beta/models/gemini-2.0-flash:generateContent',
    body: CONTENTS,
    answer: (of) => ({ candidates: [], usageMetadata: geminiUsage(of) }),
  },
  {
    path: '/google/v1beta/interactions',
    body: { model: 'gemini-2.5-flash', input: 'Go on.' },
    answer: (of) => ({ status: 'completed', usage: { total_input_tokens: of.input, total_output_tokens: of.output } }),
  },
  {
    path: '/cloud/v1/projects/p/locations/l/publishers/google/models/gemini-2.0-flash:generateContent',
    body: CONTENTS,
    answer: (of) => ({ candidates: [], usageMetadata: geminiUsage(of) }),
  },
  {
    path: '/cloud/v1/projects/p/locations/l/publishers/anthropic/models/claude-sonnet-4-5@20250929:rawPredict',
    body: { anthropic_version: 'vertex-2023-10-16', messages: MESSAGES, max_tokens: 64_000 },
    answer: (of) => ({ type: 'message', content: [], usage: tokenUsage(of) }),
  },
  {
    path: '/cloud/v1/projects/p/locations/l/publishers/mistralai/models/mistral-small-2503:rawPredict',
    body: { model: 'mistral-small-2503', messages: MESSAGES },
    answer: (of) => ({ choices: [], usage: chatUsage(of) }),
  },
  {
    path: '/cloud/v1/projects/p/locations/l/endpoints/openapi/chat/completions',
    body: { model: 'meta/llama-3.3-70b-instruct-maas', messages: MESSAGES },
    answer: (of) => ({ choices: [], usage: chatUsage(of) }),
  },
  {
    path: '/az/models/chat/completions?api-version=2024-05-01-preview',
    body: { model: 'mistral-large-2411', messages: MESSAGES },
    answer: (of) => ({ choices: [], usage: chatUsage(of) }),
  },
  {
    path: '/az/openai/v1/chat/completions',
    body: { model: 'my-gpt', messages: MESSAGES },
    answer: (of) => ({ choices: [], usage: chatUsage(of) }),
  },
  {
    path: '/az/openai/deployments/my-gpt/chat/completions?api-version=2024-10-21',
    body: { messages: MESSAGES },
    answer: (of) => ({ choices: [], usage: chatUsage(of) }),
  },
  { path: '/az/openai/v1/responses', body: { model: 'my-gpt', input: 'Go on.' }, answer: responses },
  {
    path: '/cohere/v2/chat',
    body: { model: 'command-a-03-2025', messages: MESSAGES },
    answer: (of) => ({ message: {}, usage: { tokens: tokenUsage(of) } }),
  },
  {
    path: '/cohere/v1/chat',
    body: { model: 'command-r', message: 'Go on.' },
    answer: (of) => ({ text: '', meta: { tokens: tokenUsage(of) } }),
  },
  {
    path: '/local/api/chat',
    body: { model: 'llama3.2', messages: MESSAGES, stream: false },
    answer: (of) => ({ message: {}, done: true, prompt_eval_count: of.input, eval_count: of.output }),
  },
  {
    path: '/local/api/generate',
    body: { model: 'llama3.2', prompt: 'Go on.', stream: false },
    answer: (of) => ({ response: '', done: true, prompt_eval_count: of.input, eval_count: of.output }),
  },
  {
    path: '/aws/model/amazon.nova-lite-v1:0/converse',
    body: { messages: CONVERSE },
    answer: (of) => ({ output: {}, usage: { inputTokens: of.input, outputTokens: of.output, totalTokens: whole(of) } }),
  },
  {
    path: '/aws/model/anthropic.claude-3-haiku-20240307-v1:0/invoke',
    body: { anthropic_version: 'bedrock-2023-05-31', messages: MESSAGES, max_tokens: 64_000 },
    answer: (of) => ({ type: 'message', content: [], usage: tokenUsage(of) }),
  },
  {
    path: '/aws/model/meta.llama3-8b-instruct-v1:0/invoke',
    body: { prompt: 'Go on, and do not stop before the end.' },
    answer: (of) => ({ generation: '', prompt_token_count: of.input, generation_token_count: of.output }),
  },
  {
    path: '/aws/model/amazon.titan-text-express-v1/invoke',
    body: { inputText: 'Go on, and do not stop before the end.' },
    answer: (of) => ({ inputTextTokenCount: of.input, results: [{ tokenCount: of.output, outputText: '' }] }),
  },
]

describe('an answer that would be endless is clamped in the field that its API has, and the cap holds to the token', () => {
  test.each(APIS)('$path', async ({ path, body, answer }) => {
    const cap = 30_000
    let made = 0
    const endless = await startUpstream((request, response) => {
      const maxima = everyMaximumIn(JSON.parse(request.body))
      const usage = { input: INPUT, output: Math.min(1_000_000, ...maxima) }
      made += whole(usage)
      answerJson(response, JSON.stringify(answer(usage)))
    })
    const bursar = await startInProcess({
      upstreamUrl: endless.url,
      dir,
      providers: `  google: { api: gemini, base_url: ${endless.url}, api_key: k }
  cloud: { api: vertex, base_url: ${endless.url}, api_key: k }
  az: { api: azure, base_url: ${endless.url}, api_key: k }
  cohere: { api: cohere, base_url: ${endless.url}, api_key: k }
  local: { api: ollama, base_url: ${endless.url} }
  aws: { api: bedrock, base_url: "${endless.url}", api_key: k }`,
      budgets: `  - { id: global, name: Global, limit: { tokens: ${cap} }, hard_cap: true }`,
    })
    const statuses: number[] = []
    while (statuses.at(-1) !== 429 && statuses.length < 200) {
      const response = await post(bursar.url, path, body)
      await response.text()
      statuses.push(response.status)
      expect((await statusOf(bursar.url, 'global')).used).toBeLessThanOrEqual(cap)
    }
    expect(statuses.length).toBeGreaterThan(1)
    expect(new Set(statuses)).toEqual(new Set([200, 429]))
    const { used } = await statusOf(bursar.url, 'global')
    expect(used).toBe(made)
    // Cohere's bound has room for a preamble of its own that is not in the request.
    expect(used).toBeGreaterThan(0.85 * cap)
    await bursar.close()
    await endless.close()
  })
})

import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { App } from '../../src/compose.ts'
import { apiShapes } from '../../src/providers/registry.ts'
import { api, KEY, post, remove, startInProcess, statusOf, tempDir } from './bursar.ts'
import { answerJson, chatCompletion, startUpstream, type Upstream } from './upstream.ts'

/** How other gateways are known to lose track of whose call it is and which model it is for, each as a test that it does not happen here. */

let dir: string
let upstream: Upstream
let bursar: App | undefined
let answered = 0

beforeEach(async () => {
  dir = tempDir()
  answered = 0
  upstream = await startUpstream((_request, response) => {
    answered++
    answerJson(response, chatCompletion({ input: 40, output: 60 }))
  })
})

afterEach(async () => {
  await bursar?.close()
  bursar = undefined
  await upstream.close()
  remove(dir)
})

async function start(budgets: string): Promise<string> {
  bursar = await startInProcess({ upstreamUrl: upstream.url, dir, budgets, providers: PROVIDERS(upstream.url) })
  return bursar.url
}

const ask = (url: string, model = 'gpt-4o-mini', headers: Record<string, string> = {}) =>
  post(url, '/v1/chat/completions', { model, messages: [], max_tokens: 60 }, headers)

const PROVIDERS = (url: string) => `  google: { api: gemini, base_url: ${url}, api_key: k }
  cloud: { api: vertex, base_url: ${url}, api_key: k }
  az: { api: azure, base_url: ${url}, api_key: k }
  cohere: { api: cohere, base_url: ${url}, api_key: k }
  local: { api: ollama, base_url: ${url} }
  aws: { api: bedrock, base_url: "${url}", region: us-east-1, api_key: k }`

describe('routes', () => {
  const nameOf: Readonly<Record<string, string>> = { gemini: 'google', vertex: 'cloud', azure: 'az', ollama: 'local', bedrock: 'aws' }
  const metered = apiShapes.flatMap(({ api: name, endpoints }) =>
    endpoints
      .filter(({ admission }) => admission.kind === 'metered')
      .map(({ path, isOnlyBelowProvider }) => [isOnlyBelowProvider === true ? `/${nameOf[name] ?? name}${path}` : path, name] as const),
  )

  test.each(metered)('a key over its cap keeps working on %s', async (path, name) => {
    const url = await start('  - { id: "key:tester", name: Key, limit: { requests: 0 }, hard_cap: true }')
    const filled = path.replace('{model}', MODEL_OF[name] ?? 'm').replaceAll(/\{\w+\}/g, 'x')
    for (const headers of [{}, { authorization: '', 'api-key': KEY }, { authorization: '', 'x-goog-api-key': KEY }]) {
      const response = /\/audio\/trans/.test(path)
        ? await fetch(url + filled, { method: 'POST', headers: { authorization: `Bearer ${KEY}`, ...headers }, body: transcription() })
        : await post(url, filled, bodyOf(path), { ...(name === 'anthropic' ? { 'anthropic-version': '2023-06-01' } : {}), ...headers })
      expect([response.status, path]).toEqual([429, path])
    }
    expect(answered).toBe(0)
  })

  test('paths that are passed through write no row: every answer of the provider is a call in the ledger', async () => {
    const url = await start('  - { id: global, name: Global, limit: { tokens: 1M }, hard_cap: true }')
    for (const path of ['/v1/chat/completions', '/openai/v1/chat/completions', '/v1/completions', '/v1/embeddings', '/v1/responses']) {
      await post(url, path, { model: 'gpt-4o-mini', messages: [], prompt: 'x', input: 'x', max_tokens: 60 })
    }
    for (const path of ['/v1/unheard-of', '/openai/v1/assistants', '/v1/chat/completions/../../admin']) {
      expect((await post(url, path, { model: 'gpt-4o-mini' })).status).toBe(404)
    }
    const { rows } = await api<{ rows: { calls: number }[] }>(url, 'usage?group_by=provider')
    expect(rows.reduce((sum, { calls }) => sum + calls, 0)).toBe(answered)
    expect(answered).toBe(5)
  })
})

const MODEL_OF: Readonly<Record<string, string>> = {
  bedrock: 'amazon.nova-lite-v1:0',
  gemini: 'gemini-2.5-flash',
  vertex: 'gemini-2.5-flash',
}

/** One body that every API takes for a small request of its own. */
function bodyOf(path: string): object {
  const contents = [{ role: 'user', parts: [{ text: 'hi' }] }]
  const texts = { prompt: 'hi', query: 'hi', texts: ['hi'], documents: ['hi'], message: 'hi' }
  const google = { contents, content: contents[0], requests: [{ content: contents[0] }], instances: [{ prompt: 'hi', content: 'hi' }] }
  const openAi = { model: 'm', input: 'hi', max_tokens: 5, voice: 'a', n: 1 }
  const messages = path.includes('converse') ? [{ role: 'user', content: [{ text: 'hi' }] }] : []
  return { ...texts, ...google, ...openAi, messages }
}

function transcription(): FormData {
  const form = new FormData()
  form.set('model', 'whisper-1')
  form.set('file', new File([Buffer.alloc(64)], 'a.wav'))
  return form
}

describe('identity', () => {
  test('the cap of a tag is skipped when the tag comes in a header', async () => {
    const url = await start('  - { id: "tag.job:night", name: Night, limit: { requests: 1 }, hard_cap: true }')
    expect((await ask(url, 'gpt-4o-mini', { 'x-bursar-tags': 'job=night' })).status).toBe(200)
    expect((await ask(url, 'gpt-4o-mini', { 'x-bursar-tags': 'job=night' })).status).toBe(429)
    expect((await ask(url, 'gpt-4o-mini', { 'x-bursar-tags': 'job=day' })).status).toBe(200)
  })

  test('the cap of a model is never enforced for its prefixed name, and its usage shows 0', async () => {
    const url = await start('  - { id: "model:gpt-4o-mini", name: Mini, limit: { tokens: 350 }, hard_cap: true, near_limit: deny }')
    expect((await ask(url, 'openai/gpt-4o-mini')).status).toBe(200)
    expect((await statusOf(url, 'model:gpt-4o-mini')).used).toBe(100)
    expect((await post(url, '/openai/v1/chat/completions', { model: 'gpt-4o-mini', messages: [], max_tokens: 60 })).status).toBe(200)
    expect((await ask(url, 'gpt-4o-mini')).status).toBe(200)
    for (const model of ['gpt-4o-mini', 'openai/gpt-4o-mini']) expect((await ask(url, model)).status).toBe(429)
  })

  test('rotating a key begins its cap anew', async () => {
    const url = await start('  - { id: "key:robot", name: Robot, limit: { requests: 1 }, hard_cap: true }')
    const send = (path: string, body: unknown) =>
      api<{ id: string; secret: string }>(url, path, {
        method: 'POST',
        body: JSON.stringify(body),
        headers: { 'content-type': 'application/json' },
      })
    const made = await send('keys', { name: 'robot', team: 'research' })
    expect((await ask(url, 'gpt-4o-mini', { authorization: `Bearer ${made.secret}` })).status).toBe(200)
    const rotated = await send(`keys/${made.id}/rotate`, {})
    expect(rotated.secret).not.toBe(made.secret)
    expect((await ask(url, 'gpt-4o-mini', { authorization: `Bearer ${rotated.secret}` })).status).toBe(429)
  })
})

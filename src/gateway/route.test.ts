import { describe, expect, test } from 'vitest'
import { apiShapes } from '../providers/registry.ts'
import { createRouter } from './route.ts'

/** @param providers each provider's API by its name */
function routed(providers: Readonly<Record<string, string>>, url: string, method = 'POST', headers = {}): string {
  const { shape, endpoint } = createRouter(apiShapes, new Map(Object.entries(providers))).route({ method, url, headers })
  return `${shape.api} ${endpoint.name}`
}

describe('a path that several APIs have', () => {
  test('is of the one that the config has a provider for', () => {
    expect(routed({ cohere: 'cohere' }, '/v1/rerank')).toBe('cohere cohere.rerank')
    expect(routed({ voyage: 'openai' }, '/v1/rerank')).toBe('openai openai.rerank')
    expect(routed({ claude: 'anthropic' }, '/v1/models', 'GET')).toBe('anthropic anthropic.models')
  })

  test('is of the one whose client asks, where the config has both', () => {
    const both = { openai: 'openai', anthropic: 'anthropic' }
    expect(routed(both, '/v1/models', 'GET')).toBe('openai openai.models')
    expect(routed(both, '/v1/models', 'GET', { 'anthropic-version': '2023-06-01' })).toBe('anthropic anthropic.models')
  })

  test('and is meant in the other sense only below a provider, is of Cohere without one', () => {
    const both = { writer: 'openai', cohere: 'cohere' }
    expect(routed(both, '/v1/chat')).toBe('cohere cohere.chat')
    expect(routed(both, '/writer/v1/chat')).toBe('openai openai.chat')
    expect(routed({ writer: 'openai' }, '/v1/chat')).toBe('cohere cohere.chat')
  })
})

test.each([
  '/v1/threads/t/runs',
  '/v1/fine_tuning/jobs',
  '/v1/completions/../files',
  '/v2/chat/completions',
  '/v1beta/models/m:batchGenerateContent',
])('%s can not be counted, so it has no route', (url) => {
  expect(() => routed({ openai: 'openai', gemini: 'gemini' }, url)).toThrow("Bursar can't count")
})

const ALL = { openai: 'openai', claude: 'anthropic', gemini: 'gemini', vertex: 'vertex', bedrock: 'bedrock', azure: 'azure' }

function route(url: string, method = 'POST', headers = {}) {
  return createRouter(apiShapes, new Map(Object.entries(ALL))).route({ method, url, headers })
}

describe('an id in a path', () => {
  const hostile = ['..%2f..%2fadmin%2fkeys', '..%5c..%5cadmin', '%2e%2e', '..', '.', 'a%2fb', 'a%252fb', 'a%00', 'a%0ab', 'a%20b', 'a%3fb', 'a%23b', 'a;b', 'a%c3%ab', '%ff', 'a%', 'a'.repeat(501)] // prettier-ignore

  test.each(hostile)('%s has no route, in whatever path it stands', (id) => {
    for (const { endpoint } of apiShapes.flatMap(({ endpoints }) => endpoints.map((endpoint) => ({ endpoint })))) {
      if (!/\{(?!model)/.test(endpoint.path)) continue
      const url = endpoint.path.replaceAll(/\{\w+\}/g, id)
      expect(() => route(url, endpoint.method), url).toThrow("Bursar can't count")
    }
  })

  test('goes on as it was read', () => {
    expect(route('/v1/files/file%2Dabc_1', 'GET').upstreamPath()).toBe('/files/file-abc_1')
    expect(route('/v1/responses/resp_68af4030592c8193/cancel').upstreamPath()).toBe('/responses/resp_68af4030592c8193/cancel')
  })
})

describe('a model in a path', () => {
  test.each(['%2e%2e%2fx', 'x%2f..%2fy', 'x%2f%2fy', 'x%5cy', 'x%252fy', '%2fx', 'x%00'])('%s has no route', (model) => {
    for (const url of [`/v1beta/models/${model}:generateContent`, `/model/${model}/converse`, `/openai/deployments/${model}/completions`]) {
      expect(() => route(url), url).toThrow("Bursar can't count")
    }
  })

  test('may be an ARN, or have its provider before it', () => {
    const arn = 'arn:aws:bedrock:eu-west-1:123456789012:inference-profile/eu.anthropic.claude-sonnet-4-5-20250929-v1:0'
    expect(route(`/model/${encodeURIComponent(arn)}/converse`).values).toEqual({ model: arn })
    expect(route(`/model/${encodeURIComponent(arn)}/converse`).upstreamPath()).toBe(`/model/${encodeURIComponent(arn)}/converse`)
    expect(route('/v1beta/models/tuned%2Fmy-model:countTokens').values).toEqual({ model: 'tuned/my-model' })
  })
})

describe('a query', () => {
  const generate = '/v1beta/models/gemini-3:generateContent'

  test.each([
    [`${generate}?fields=candidates`, ''],
    [`${generate}?$fields=candidates&alt=sse`, '?alt=sse'],
    [`${generate}?%66ields=candidates`, ''],
    [`${generate}?alt=proto`, ''],
    [`${generate}?alt=sse&alt=json`, '?alt=sse'],
    [`${generate}?alt=sse;fields=candidates`, ''],
    [`${generate}?access_token=x`, ''],
    ['/v1/messages?stream=true', ''],
    ['/v1/responses?key=bsr_x', ''],
    ['/model/m/converse?x=1', ''],
    ['/openai/deployments/d/chat/completions?api-version=2024-02-01&api-version=2025-01-01', '?api-version=2024-02-01'],
    ['/openai/deployments/d/chat/completions?api%2Dversion=2024-02-01', '?api-version=2024-02-01'],
    ['/v1/chat/completions?__proto__=1&constructor=1', ''],
  ])('%s leaves out what may change what the answer says of its usage', (url, query) => {
    expect(new URL(route(url).upstreamPath(), 'http://x').search).toBe(query)
  })

  test.each([
    [`${generate}?alt=sse`, '?alt=sse'],
    [`${generate}?%24alt=json%3Benum-encoding%3Dint`, '?%24alt=json%3Benum-encoding%3Dint'],
    ['/v1/messages?beta=true', '?beta=true'],
    ['/openai/deployments/d/chat/completions?api-version=2025-01-01-preview', '?api-version=2025-01-01-preview'],
    [`${generate}?`, ''],
  ])('%s passes', (url, query) => {
    expect(new URL(route(url).upstreamPath(), 'http://x').search).toBe(query)
  })

  test.each(['?key=bsr_1', '?%6bey=bsr_1', '?alt=sse&key=bsr_1', '?key=bsr_1&alt=sse', '?key=other&k%65y=bsr_1'])(
    'a key in %s is taken out and goes nowhere',
    (query) => {
      for (const path of [generate, '/gemini/v1beta/models', '/v1/publishers/google/models/gemini-3:generateContent']) {
        const found = route(path + query, path.endsWith('/models') ? 'GET' : 'POST')
        expect(found.keysInQuery?.at(-1)).toBe('bsr_1')
        expect(found.upstreamPath('m')).not.toMatch(/bsr_1|key|other/)
      }
    },
  )
})

test.each([
  ['POST', '//v1/chat/completions', 'POST /v1/chat/completions'],
  ['POST', '/v1/chat/completions/', 'POST /v1/chat/completions'],
  ['POST', '/v1/v1/chat/completions', 'POST /v1/chat/completions'],
  ['POST', '/chat/completions', 'POST /v1/chat/completions'],
  ['POST', '/v1/v1beta/models/m:generateContent', 'POST /v1beta/models/m:generateContent'],
  ['POST', '/models/m:generateContent', 'POST /v1/models/m:generateContent'],
  ['GET', '/v1/chat/completions', 'POST /v1/chat/completions'],
  ['PUT', '/v1/models', 'GET /v1/models'],
  ['POST', '/openai/chat/completions', 'POST /openai/v1/chat/completions'],
  ['POST', '/claude/v1/v1/messages/', 'POST /claude/v1/messages'],
  ['POST', '/kimi/v1/messages', 'POST /v1/messages? The config has no provider "kimi"'],
  ['POST', '/claude/v1/chat/completions', 'the provider "claude" speaks the anthropic API'],
])('%s %s is answered with what was likely meant: %s', (method, url, hint) => {
  expect(() => route(url, method)).toThrow(hint)
})

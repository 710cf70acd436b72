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

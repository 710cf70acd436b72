import { describe, expect, test } from 'vitest'
import type { Metered } from './provider.ts'
import { apiShapes } from './registry.ts'

/** What stands in no request and is yet a part of its input: templates, explanations of tools, results of the provider's tools. */

function factsOf(endpoint: string, body: object) {
  const found = apiShapes.flatMap(({ endpoints }) => endpoints).find(({ name }) => name === endpoint)
  const metered = found?.admission as Metered
  const bytes = Buffer.from(JSON.stringify(body))
  const { facts, json } = metered.readRequest(
    bytes,
    endpoint === 'gemini.generateContent' ? { model: 'gemini-3-flash-preview' } : {},
    'application/json',
  )
  const refined = facts.unknownInput === undefined ? metered.refineInputBound?.(json) : undefined
  return { hidden: facts.inputBound - bytes.length, refined }
}

const messages = [{ role: 'user', content: 'hi' }]
const contents = [{ parts: [{ text: 'hi' }] }]
const aFunction = { type: 'function', function: { name: 'f', parameters: {} } }
const SEARCHED = 40_000

describe('a tool that the provider runs brings its results into the input', () => {
  test.each([
    ['openai.chat', { model: 'gpt-5', messages, web_search_options: {} }],
    ['openai.chat', { model: 'gpt-4o-search-preview', messages }],
    ['openai.chat', { model: 'groq/compound', messages }],
    ['openai.chat', { model: 'openai/gpt-4.1-mini', messages, tools: [{ type: 'openrouter:web_search' }] }],
    ['openai.chat', { model: 'grok-4', messages, search_parameters: { mode: 'on' } }],
    ['openai.responses', { model: 'gpt-5', input: 'hi', tools: [{ type: 'web_search' }] }],
    ['openai.responses', { model: 'gpt-5', input: 'hi', tools: [{ type: 'mcp', server_url: 'https://example.com' }] }],
    [
      'anthropic.messages',
      { model: 'claude-sonnet-5', messages, max_tokens: 9, tools: [{ type: 'web_search_20260318', name: 'web_search' }] },
    ],
    [
      'anthropic.messages',
      { model: 'claude-sonnet-5', messages, max_tokens: 9, mcp_servers: [{ type: 'url', url: 'https://example.com' }] },
    ],
    ['gemini.generateContent', { contents, tools: [{ codeExecution: {} }] }],
    ['gemini.generateContent', { contents, tools: [{ url_context: {} }] }],
    ['gemini.interactions', { model: 'gemini-3-flash-preview', input: 'hi', tools: [{ type: 'google_search' }] }],
  ])('%s %j', (endpoint, body) => {
    const { hidden, refined } = factsOf(endpoint, body)
    expect(hidden).toBeGreaterThanOrEqual(SEARCHED)
    expect(refined ?? Infinity).toBe(Infinity)
  })

  test.each([
    ['openai.chat', { model: 'gpt-5', messages, tools: [aFunction] }],
    ['openai.responses', { model: 'gpt-5', input: 'hi', tools: [{ type: 'custom', name: 'f' }, { type: 'local_shell' }] }],
    ['anthropic.messages', { model: 'claude-sonnet-5', messages, max_tokens: 9, tools: [{ type: 'bash_20250124', name: 'bash' }] }],
    ['gemini.generateContent', { contents, tools: [{ functionDeclarations: [{ name: 'f' }] }] }],
  ])('one that the client runs does not: %s %j', (endpoint, body) => {
    expect(factsOf(endpoint, body).hidden).toBeLessThan(SEARCHED)
  })
})

test('a model of another maker has a template of its own, and explains tools in it', () => {
  expect(factsOf('openai.chat', { model: 'gpt-4o', messages }).hidden).toBe(0)
  expect(factsOf('openai.chat', { model: 'grok-4.3', messages }).hidden).toBeGreaterThanOrEqual(200)
  expect(factsOf('openai.chat', { model: 'llama-4-maverick', messages, tools: [aFunction] }).hidden).toBeGreaterThanOrEqual(1000)
  expect(factsOf('openai.chat', { model: 'claude-sonnet-4-6', messages, response_format: {} }).hidden).toBeGreaterThanOrEqual(1000)
  expect(factsOf('openai.embeddings', { model: 'bge-m3', input: 'hi' }).hidden).toBe(0)
})

test('documents of which Claude is to cite are explained to it', () => {
  const document = { type: 'document', source: { type: 'text', media_type: 'text/plain', data: 'x' }, citations: { enabled: true } }
  const body = { model: 'claude-haiku-4-5', max_tokens: 9, messages: [{ role: 'user', content: [document] }] }
  expect(factsOf('anthropic.messages', body).hidden).toBeGreaterThanOrEqual(1000)
})

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { otherModelsIn, responsesModelsIn } from './named-models.ts'
import { InvalidRequest, type JsonObject } from './provider.ts'

const modelsIn = (json: JsonObject) => otherModelsIn({ model: 'own', ...json }, 'own').otherModels ?? []

describe('further models of a request are found', () => {
  test.each<[string, JsonObject, readonly string[]]>([
    ['OpenRouter’s models', { models: ['own', 'a/b', 'c'] }, ['a/b', 'c']],
    ['Anthropic’s fallbacks', { fallbacks: [{ model: 'b' }, { model: 'c', max_tokens: 5 }] }, ['b', 'c']],
    ['fallbacks as names', { fallbacks: ['b', { model: 'c' }] }, ['b', 'c']],
    ['an advisor’s', { tools: [{ type: 'advisor_20260301', name: 'advisor', model: 'b' }] }, ['b']],
    ['a plugin’s', { plugins: [{ id: 'auto-router', allowed_models: ['anthropic/*'] }] }, ['anthropic/*']],
    ['a gateway’s options', { provider_options: { gateway: { models: ['b'] } } }, ['b']],
    ['an agent’s sub-agents', { agents: [{ model: 'b', tools: [{ model: 'c' }] }] }, ['b', 'c']],
  ])('%s', (_, json, expected) => {
    expect(modelsIn(json)).toEqual(expected)
  })

  test('wherever among the options they stand', () => {
    const option = fc.stringMatching(/^x[a-z]{1,8}$/)
    fc.assert(
      fc.property(fc.array(fc.tuple(option, fc.boolean()), { maxLength: 6 }), (path) => {
        const json = path.reduceRight<JsonObject>((inner, [name, isList]) => ({ [name]: isList ? [inner] : inner }), { model: 'hidden' })
        expect(modelsIn({ options: json })).toEqual(['hidden'])
      }),
    )
  })
})

test.each<[string, JsonObject]>([
  ['a message', { messages: [{ role: 'user', content: [{ type: 'text', text: 'x', model: 'b' }] }] }],
  [
    'the schema of a tool',
    { tools: [{ type: 'function', function: { name: 'f', parameters: { properties: { model: { type: 'string' } } } } }] },
  ],
  ['the shape of an answer', { response_format: { type: 'json_schema', json_schema: { model: 'b' } } }],
  ['what is moderated for nothing', { moderation: { model: 'omni-moderation-latest' } }],
  ['what the caller notes', { metadata: { model: 'b' } }],
])('a word in %s is no model', (_, json) => {
  expect(modelsIn(json)).toEqual([])
})

test.each<[string, JsonObject]>([
  ['a number', { models: [5] }],
  ['a text that is no name', { fallbacks: [{ model: '' }] }],
  ['more than 32', { models: Array.from({ length: 33 }, (_, i) => `m${i}`) }],
])('%s is refused', (_, json) => {
  expect(() => modelsIn(json)).toThrow(InvalidRequest)
})

test('the tool that makes images has the model that it names, else the documented one', () => {
  const models = (tool: JsonObject) => responsesModelsIn({ model: 'own', tools: [tool] }, 'own')
  expect(models({ type: 'image_generation', model: 'gpt-image-2' })).toEqual({ otherModels: ['gpt-image-2'], imageModel: 'gpt-image-2' })
  expect(models({ type: 'image_generation' })).toEqual({ otherModels: ['gpt-image-1'], imageModel: 'gpt-image-1' })
  expect(models({ type: 'web_search' })).toEqual({})
})

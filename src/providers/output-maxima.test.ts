import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { asObject } from './answer.ts'
import { chat, completions } from './openai/shape.ts'
import { messages } from './anthropic/shape.ts'
import type { Metered } from './provider.ts'
import { apiShapes } from './registry.ts'
import { parseObjectBody } from './request-body.ts'

const ollama = apiShapes.find(({ api }) => api === 'ollama')?.endpoints.find(({ path }) => path === '/api/chat')?.admission
if (ollama?.kind !== 'metered') throw new Error('chat of Ollama is metered')

const factsOf = (metered: Metered, body: string) => metered.readRequest(Buffer.from(body), {}, 'application/json').facts

const NAMES = [
  'max_tokens',
  'max_completion_tokens',
  'max_new_tokens',
  'max_length',
  'n_predict',
  'num_predict',
  'options',
  'min_tokens',
] as const

const maxima = fc.dictionary(fc.constantFrom(...NAMES), fc.oneof(fc.integer({ min: -2, max: 100_000 }), fc.constant(null))).map((all) => {
  const { options, min_tokens: least, ...rest } = all
  return {
    ...rest,
    ...(options === undefined ? {} : { options: { num_predict: options } }),
    ...(least === undefined || least === null ? {} : { min_tokens: Math.abs(least) }),
  }
})

/**
 * What a server may produce that reads the documented maxima and any of the others, in whatever order: the largest; no end for
 * what is not above zero, and where none is documented.
 */
function mostOf(json: Readonly<Record<string, unknown>>, documented: readonly string[]): number {
  const all = [
    ...NAMES.filter((name) => name !== 'options' && name !== 'min_tokens').map((name) => json[name]),
    asObject(json['options'])?.['num_predict'],
  ]
  const counts = all.filter((value) => typeof value === 'number').map((count) => (count <= 0 ? Infinity : count))
  const least = typeof json['min_tokens'] === 'number' ? json['min_tokens'] : 0
  const isSet = (name: string) => typeof (name === 'options' ? asObject(json[name])?.['num_predict'] : json[name]) === 'number'
  return documented.some(isSet) ? Math.max(...counts, least) : Infinity
}

describe.each([
  ['a chat', chat, ['max_tokens', 'max_completion_tokens']],
  ['a completion', completions, ['max_tokens']],
  ['a chat of Ollama', ollama, ['options']],
  ['a message', messages, ['max_tokens']],
] as const)('%s', (_, metered, documented) => {
  test('is held for the largest maximum that any server reads in it, or has no end', () => {
    fc.assert(
      fc.property(maxima, (own) => {
        const { outputMax = Infinity } = factsOf(metered, JSON.stringify({ model: 'llama', ...own }))
        expect(outputMax).toBeGreaterThanOrEqual(mostOf(own, documented))
      }),
      { numRuns: 500 },
    )
  })

  test('is clamped so that no server reads more in it, and is otherwise as it was', () => {
    fc.assert(
      fc.property(maxima, fc.integer({ min: 1, max: 200_000 }), fc.jsonValue(), (own, max, other) => {
        const json = { a: other, model: 'llama', ...own, messages: [] }
        const body = Buffer.from(JSON.stringify(json))
        const facts = factsOf(metered, body.toString())
        const prepared = parseObjectBody(metered.prepare(body, facts, { outputMax: max }, {}).body)
        expect(mostOf(prepared, documented)).toBeLessThanOrEqual(max)
        for (const [name, value] of Object.entries(JSON.parse(body.toString()) as object)) {
          const isMaximum = NAMES.some((known) => known === name)
          if (!isMaximum) expect(prepared[name]).toEqual(value)
          else if (typeof value === 'number' && value > 0) expect(prepared[name]).toBe(Math.min(value, max))
        }
      }),
      { numRuns: 500 },
    )
  })
})

test.each([
  [chat, '{"model":"llama","max_tokens":1,"n_predict":-1}'],
  [chat, '{"model":"llama","max_tokens":0}'],
  [chat, '{"model":"llama","max_tokens":-1}'],
  [chat, '{"model":"llama","max_tokens":5,"auto_max_new_tokens":true}'],
  [completions, '{"model":"llama","prompt":"a","n_predict":0}'],
  [ollama, '{"model":"llama","options":{"num_predict":0}}'],
  [ollama, '{"model":"llama","options":{"num_predict":-2}}'],
] as const)('what has no end is told to the gateway, so that it gets one', (metered, body) => {
  const facts = factsOf(metered, body)
  expect(facts).toMatchObject({ isEndless: true })
  expect(facts.outputMax).toBeUndefined()
  const prepared = parseObjectBody(metered.prepare(Buffer.from(body), facts, { outputMax: 9 }, {}).body)
  expect(factsOf(metered, JSON.stringify(prepared)).outputMax).toBeLessThanOrEqual(9)
})

test("OpenAI's own models take 0 for 0, and nothing below it", () => {
  expect(factsOf(completions, '{"model":"gpt-3.5-turbo-instruct","prompt":"a","max_tokens":0}').outputMax).toBe(0)
  expect(() => factsOf(chat, '{"model":"gpt-5","max_tokens":-1}')).toThrow('"max_tokens" must be a whole number')
})

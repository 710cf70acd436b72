import fc from 'fast-check'
import { expect, test } from 'vitest'
import { hasUnknownCounts } from './unknown-counts.ts'

test.each([
  ['a new kind of token', { input_tokens: 5, output_tokens: 6, memory_tokens: 7 }],
  ['one inside of details', { prompt_tokens: 5, completion_tokens: 6, completion_tokens_details: { sketch_tokens: 1 } }],
  ['in a list', { iterations: [{ input_tokens: 1, planning_tokens: 2 }] }],
  ['as Google writes it', { promptTokenCount: 5, memoryTokenCount: 1 }],
  ['as Bedrock writes it', { inputTokens: 5, guardrailTokens: 1 }],
  ['a known count that is negative', { thoughtsTokenCount: -1 }],
  ['a known count with a fraction', { thoughtsTokenCount: 1.5 }],
  ['a known count that is a text', { output_tokens: '130' }],
  ['a known count beyond all reason', { output_tokens: 1e300 }],
])('%s is not known', (_, usage) => {
  expect(hasUnknownCounts(usage)).toBe(true)
})

test.each([
  ['nothing', undefined],
  ['zeros of any name', { input_tokens: 5, memory_tokens: 0, other_tokens: null }],
  ['what is not counted in tokens', { tokens_per_second: 42.5, queue_time: 0.1, cost: 0.3, cost_details: { input_tokens_cost: 0.1 } }],
  ['details of known counts', { prompt_tokens: 5, prompt_tokens_details: { cached_tokens: 3, audio_tokens: 1 } }],
  ['modalities', { promptTokensDetails: [{ modality: 'TEXT', tokenCount: 5 }] }],
])('%s is known', (_, usage) => {
  expect(hasUnknownCounts(usage)).toBe(false)
})

test('a count of any name is found where an API may put it, and whatever is sent is looked through in bounded steps', () => {
  const name = fc.stringMatching(/^[a-z]{1,12}$/).map((word) => `x${word}_tokens`)
  fc.assert(
    fc.property(name, fc.integer({ min: 1, max: 1e9 }), fc.integer({ min: 0, max: 4 }), (unknown, count, depth) => {
      let usage: Record<string, unknown> = { [unknown]: count }
      for (let i = 0; i < depth; i++) usage = { input_tokens: 1, details: usage }
      expect(hasUnknownCounts(usage)).toBe(true)
    }),
  )
  fc.assert(fc.property(fc.jsonValue(), (value) => typeof hasUnknownCounts(value) === 'boolean'))
  const wide = Object.fromEntries(Array.from({ length: 100_000 }, (_, i) => [`member_${i}`, i]))
  expect(hasUnknownCounts(wide)).toBe(true)
})

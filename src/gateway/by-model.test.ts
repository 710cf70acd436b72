import { expect, test } from 'vitest'
import type { TokenCounts, Usage } from '../domain/usage/usage.ts'
import type { AnswerReading } from '../providers/provider.ts'
import { byModel } from './by-model.ts'

const counts = (input: number, output: number): TokenCounts => ({ input: { total: input }, output: { total: output } })
const reported = (own: TokenCounts, billing?: { costNanoUsd: number }): Usage => ({ kind: 'reported', counts: own, billing })
const reading = (more: Partial<AnswerReading>): AnswerReading => ({
  isComplete: true,
  produced: '',
  producedBeyond: 0,
  isError: false,
  ...more,
})
const opus = { attributes: { model: 'claude-opus-5', otherModels: ['claude-haiku-4-5', 'gpt-image-1-5'] } }

test('an answer that another of the request’s models made is that model’s, with what it says of its price', () => {
  const usage = reported(counts(10, 5), { costNanoUsd: 7 })
  const model = 'claude-haiku-4-5-20251001'
  expect(byModel(usage, reading({ model }), opus)).toMatchObject({
    counts: { requests: 0 },
    others: [{ model, counts: counts(10, 5), billing: { costNanoUsd: 7 } }],
  })
})

test.each([
  ['the called model by its version', 'claude-opus-5-20260724', opus],
  ['a model that the request did not name', 'claude-sonnet-5', opus],
  ['a model of a request that names one only', 'claude-haiku-4-5', { attributes: { model: 'claude-opus-5' } }],
])('an answer by %s is the called model’s', (_, model, called) => {
  const usage = reported(counts(10, 5))
  expect(byModel(usage, reading({ model }), called)).toBe(usage)
})

test('parts of the called model are its own, and those of others stand beside', () => {
  const others = [
    { model: 'claude-opus-5', counts: counts(100, 50) },
    { model: 'claude-haiku-4-5', counts: counts(3, 2) },
  ]
  expect(byModel(reported(counts(1, 1)), reading({ others }), opus)).toMatchObject({
    counts: counts(101, 51),
    others: [{ model: 'claude-haiku-4-5', counts: counts(3, 2) }],
  })
})

test('the model of the tool that makes images is the one that the request names, else one of its models, else the documented', () => {
  const others = [{ model: { tool: 'image_generation' as const }, counts: counts(30, 7024) }]
  const modelOf = (called: Parameters<typeof byModel>[2]) => {
    const usage = byModel(reported(counts(1, 1)), reading({ others }), called)
    return usage === 'held' || usage.kind === 'none' ? undefined : usage.others?.[0]?.model
  }
  expect(modelOf({ ...opus, imageModel: 'gpt-image-2' })).toBe('gpt-image-2')
  expect(modelOf(opus)).toBe('gpt-image-1-5')
  expect(modelOf({ attributes: { model: 'gpt-5.5' } })).toBe('gpt-image-1')
})

test('a cost that the provider names covers the whole answer: its parts cost nothing more', () => {
  const others = [{ model: 'claude-haiku-4-5', counts: counts(3, 2) }]
  expect(byModel(reported(counts(1, 1), { costNanoUsd: 9 }), reading({ others }), opus)).toMatchObject({
    billing: { costNanoUsd: 9 },
    others: [{ billing: { costNanoUsd: 0 } }],
  })
})

test('a hold that is charged, and a call that used nothing, stay as they are', () => {
  const others = [{ model: 'claude-haiku-4-5', counts: counts(3, 2) }]
  expect(byModel('held', reading({ others }), opus)).toBe('held')
  expect(byModel({ kind: 'none' }, reading({ others }), opus)).toEqual({ kind: 'none' })
})

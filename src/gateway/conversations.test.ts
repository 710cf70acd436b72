import { expect, test } from 'vitest'
import { Conversations } from './conversations.ts'

const continued = (id: string) => ({ id, isGrowing: true, tokensMax: 1_000_000 })

test('an answer that was remembered brings what it has, any other the most that it can have', () => {
  const conversations = new Conversations()
  conversations.remember('resp_1', 500)
  expect([conversations.tokensOf(continued('resp_1')), conversations.tokensOf(continued('resp_2'))]).toEqual([500, 1_000_000])
})

test('a conversation does not become shorter by an answer that is', () => {
  const conversations = new Conversations()
  for (const tokens of [20_000, 300, 25_000, 1]) conversations.grow('conv_1', tokens)
  expect(conversations.tokensOf(continued('conv_1'))).toBe(25_000)
})

test('of very many answers the oldest are forgotten', () => {
  const conversations = new Conversations()
  for (let i = 0; i <= 100_000; i++) conversations.remember(`resp_${i}`, i)
  expect([0, 1, 100_000].map((i) => conversations.tokensOf(continued(`resp_${i}`)))).toEqual([1_000_000, 1, 100_000])
})

test('a name that is longer than any provider gives is not kept', () => {
  const conversations = new Conversations()
  const long = 'x'.repeat(1_000_000)
  conversations.remember(long, 500)
  expect(conversations.tokensOf(continued(long))).toBe(1_000_000)
})

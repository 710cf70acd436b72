import { expect, test } from 'vitest'
import { Unconfirmed, type UnconfirmedEntry } from './unconfirmed.ts'

const calls = (text: string, count: number): UnconfirmedEntry => ({ kind: 'calls', text, count })
const textsOf = (entries: readonly UnconfirmedEntry[]) => entries.map((entry) => (entry.kind === 'calls' ? entry.text : entry.kind))

test('what the ledger has is not kept, and what it does not have is', () => {
  const unconfirmed = new Unconfirmed()
  for (let i = 1; i <= 4; i++) unconfirmed.add(`${i}-0`, calls(`${i}`, 10))
  unconfirmed.confirm('2-0')
  expect(textsOf(unconfirmed.take())).toEqual(['3', '4'])
  expect(unconfirmed.take()).toEqual([])
})

test('what could not be written again comes before what was written since', () => {
  const unconfirmed = new Unconfirmed()
  unconfirmed.add('1-0', calls('old', 10))
  const taken = unconfirmed.take()
  unconfirmed.add('1-0', calls('new', 10))
  unconfirmed.restore(taken)
  expect(textsOf(unconfirmed.take())).toEqual(['old', 'new'])
})

test('calls that were told together are forgotten by their number, the oldest first', () => {
  const unconfirmed = new Unconfirmed()
  for (let i = 1; i <= 401; i++) unconfirmed.add(`${i}-0`, calls(`${i}`, 500))
  const kept = textsOf(unconfirmed.take())
  expect(kept).toHaveLength(200)
  expect(kept.at(-1)).toBe('401')
})

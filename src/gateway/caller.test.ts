import { expect, test } from 'vitest'
import { KeyBook } from '../engine/key-book.ts'
import { CallerBook } from './caller.ts'

const KEYS = new KeyBook([
  {
    id: 'key-1',
    name: 'key-1',
    hash: 'hash',
    hint: '',
    attributes: { team: 'research' },
    allow: ['user', 'tag.*'],
    models: [],
    createdAt: 0,
  },
])
const target = { provider: 'openai', model: 'gpt-4o-mini' }

function key() {
  const [row] = KEYS.all()
  if (row === undefined) throw new Error('there is a key')
  return { row, allowsModel: () => true, allowsAttribute: () => true }
}

test('the same caller is the same object', () => {
  const callers = new CallerBook()
  const headers = { 'x-bursar-user': 'ada', 'x-bursar-tags': 'run=7' }
  const first = callers.find(key(), headers, target)
  expect(first.attributes).toMatchObject({ team: 'research', user: 'ada', tags: { run: '7' } })
  expect(callers.find(key(), { ...headers }, target)).toBe(first)
  expect(callers.find(key(), { 'x-bursar-user': 'bob' }, target)).not.toBe(first)
})

test('a caller with thousands of characters of tags is known each time, and not kept', () => {
  const callers = new CallerBook()
  const headers = { 'x-bursar-tags': Array.from({ length: 100 }, (_, i) => `tag-${i}=${'v'.repeat(100)}`).join(', ') }
  const first = callers.find(key(), headers, target)
  expect(callers.find(key(), headers, target)).toEqual(first)
  expect(callers.find(key(), headers, target)).not.toBe(first)
})

import { expect, test } from 'vitest'
import { hashSecret, KeyBook } from '../engine/key-book.ts'
import { authenticate, CallerBook } from './caller.ts'

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

/** As node:http gives the bytes of a header. */
function received(text: string): string {
  return Buffer.from(text).toString('latin1')
}

test.each(['Zoë', 'Michał', '李雷', 'نیلوفر', '👩‍💻'])('%s, sent as UTF-8, is that user', (user) => {
  const { attributes } = new CallerBook().find(key(), { 'x-bursar-user': received(user), 'x-bursar-tags': received(`run=${user}`) }, target)
  expect(attributes).toMatchObject({ user, tags: { run: user } })
})

test('a name with its marks written apart is the same name', () => {
  const { attributes } = new CallerBook().find(key(), { 'x-bursar-user': received('Zoe\u0308') }, target)
  expect(attributes.user).toBe('Zo\u00EB')
})

test.each([
  ['x-bursar-user', 'Zo\xEB'],
  ['x-bursar-user', received('a\u202Eb')],
  ['x-bursar-user', received('a\u2028b')],
  ['x-bursar-user', 'a\u0085b'],
  ['x-bursar-user', 'a'.repeat(201)],
  ['x-bursar-tags', 'run=\xFF'],
  ['x-bursar-tags', `${'n'.repeat(201)}=v`],
  ['x-bursar-tags', 'run'],
  ['x-bursar-tags', 'run='],
  ['x-bursar-team', '\xED\xA0\x80'],
])('%s: %j is refused, and the answer names the header', (name, value) => {
  expect(() => new CallerBook().find(key(), { [name]: value }, target)).toThrow(name)
})

test('of several keys that are sent the one that is Bursar’s counts', () => {
  const [row] = KEYS.all()
  if (row === undefined) throw new Error('there is a key')
  const keys = new KeyBook([{ ...row, hash: hashSecret('bsr_good') }])
  const authorization = 'Bearer of-a-proxy'
  expect(authenticate(keys, { authorization, 'x-api-key': 'bsr_good' }, 0).row.id).toBe(row.id)
  expect(authenticate(keys, { authorization, 'x-goog-api-key': 'other' }, 0, ['no', 'bsr_good']).row.id).toBe(row.id)
  expect(() => authenticate(keys, { authorization, 'api-key': 'other' }, 0)).toThrow('unknown, revoked or expired')
  expect(() => authenticate(keys, {}, 0)).toThrow('no API key')
})

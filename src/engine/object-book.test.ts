import { expect, test } from 'vitest'
import type { KeptObject, KeyRow, LedgerRecord } from '../domain/record.ts'
import { mayReach, ObjectBook, ownerBy } from './object-book.ts'

function bookOf(stored: Map<string, KeptObject>): ObjectBook {
  return new ObjectBook({
    clock: { now: () => 7 },
    journal: {
      append: (records: readonly LedgerRecord[]) => {
        for (const record of records) {
          if (record.kind !== 'objects') continue
          for (const object of record.objects) if (!stored.has(object.id)) stored.set(object.id, object)
        }
        return Promise.resolve()
      },
    },
    ledger: {
      objects: (ids) => Promise.resolve(ids.flatMap((id) => stored.get(id) ?? [])),
      ownsObjects: ({ key, team }) =>
        Promise.resolve([...stored.values()].some((one) => one.key === key || (team !== undefined && one.team === team))),
    },
  })
}

function key(id: string, team?: string, objects?: KeyRow['objects']): KeyRow {
  const attributes = team === undefined ? {} : { team }
  const row = { id, name: id, hash: '', hint: '', attributes, allow: [], models: [], createdAt: 0 }
  return objects === undefined ? row : { ...row, objects }
}

test('another process, or one that starts later, knows the owner, and nothing of the name is stored', async () => {
  const stored = new Map<string, KeptObject>()
  await bookOf(stored).remember('openai', ['file-1'], { key: 'k1', team: 'research' })
  const owners = await bookOf(stored).ownersOf('openai', ['file-1', 'file-2'])
  expect([...owners]).toEqual([['file-1', { key: 'k1', team: 'research' }]])
  expect(JSON.stringify([...stored.values()])).not.toContain('file-1')
})

test('the same name at another provider is another object', async () => {
  const book = bookOf(new Map())
  await book.remember('openai', ['file-1'], { key: 'k1' })
  expect((await book.ownersOf('azure', ['file-1'])).size).toBe(0)
})

test('what has an owner keeps it, also for a process that learns of it late', async () => {
  const stored = new Map<string, KeptObject>()
  await bookOf(stored).remember('openai', ['file-1'], { key: 'k1' })
  const book = bookOf(stored)
  await book.ownersOf('openai', ['file-1'])
  await book.remember('openai', ['file-1'], { key: 'k2' })
  expect((await book.ownersOf('openai', ['file-1'])).get('file-1')).toEqual({ key: 'k1' })
})

test.each([
  ['own', 'research', { key: 'me', team: 'research' }, true],
  ['own', 'research', { key: 'you', team: 'research' }, false],
  ['team', 'research', { key: 'you', team: 'research' }, true],
  [undefined, 'research', { key: 'you', team: 'research' }, true],
  [undefined, 'research', { key: 'you', team: 'hr' }, false],
  [undefined, 'research', { key: 'you' }, false],
  [undefined, undefined, { key: 'you' }, false],
  [undefined, undefined, { key: 'me' }, true],
  [undefined, 'research', undefined, false],
  ['all', undefined, { key: 'you', team: 'hr' }, true],
  ['all', undefined, undefined, true],
] as const)('objects %s of team %s: what %j has is reached: %s', (objects, team, owner, isReached) => {
  expect(mayReach(key('me', team, objects), owner)).toBe(isReached)
})

test('a list can be empty without asking the provider', async () => {
  const book = bookOf(new Map())
  await book.remember('openai', ['file-1'], { key: 'k1', team: 'research' })
  expect(await book.hasAny(key('k1', 'research', 'own'))).toBe(true)
  expect(await book.hasAny(key('k2', 'research', 'own'))).toBe(false)
  expect(await book.hasAny(key('k2', 'research'))).toBe(true)
  expect(await book.hasAny(key('k2', 'hr'))).toBe(false)
  expect(await book.hasAny(key('k2', undefined, 'all'))).toBe(true)
})

test('what a key makes is its own and its team’s', () => {
  expect(ownerBy(key('k', 'research'))).toEqual({ key: 'k', team: 'research' })
  expect(ownerBy(key('k'))).toEqual({ key: 'k' })
})

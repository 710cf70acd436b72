import fc from 'fast-check'
import { expect, test } from 'vitest'
import { isId, parseAccountKey, toAccountKey, toBudgetId, toCallId } from './ids.ts'

const ids = fc.string({ minLength: 1, maxLength: 200, unit: 'grapheme' }).filter(isId)
const starts = fc.integer({ min: -86_400_000, max: 8_640_000_000_000_000 })

test.each(['a', 'team:marketing', 'Zürich/東京 \u{1F525}', 'x'.repeat(200)])('%o is an id', (text) => {
  expect(isId(text)).toBe(true)
  expect(toBudgetId(text)).toBe(text)
  expect(toCallId(text)).toBe(text)
})

test.each(['', 'x'.repeat(201), 'a\nb', 'a\0', '\t', 'a\x7Fb', 'a\x85b'])('%o is no id', (text) => {
  expect(isId(text)).toBe(false)
  expect(() => toBudgetId(text)).toThrow(RangeError)
  expect(() => toCallId(text)).toThrow(RangeError)
})

test('two different accounts never share a key', () => {
  const accounts = fc.record({ budget: ids, each: fc.option(ids), startsAt: starts })
  fc.assert(
    fc.property(accounts, accounts, (a, b) => {
      const isSame = a.budget === b.budget && a.each === b.each && a.startsAt === b.startsAt
      expect(keyOf(a) === keyOf(b)).toBe(isSame)
    }),
  )
  expect(keyOf({ budget: 'a', each: 'b', startsAt: 1 })).not.toBe(keyOf({ budget: 'a\u2028b', each: null, startsAt: 1 }))
})

test('a key is read back as it was made', () => {
  fc.assert(
    fc.property(ids, fc.option(ids), starts, (budget, each, startsAt) => {
      const key = keyOf({ budget, each, startsAt })
      expect(parseAccountKey(key)).toBe(key)
    }),
  )
})

test.each(['', 'a', 'a\nb', 'a\nb\nc', 'a\nb\n1\n2', '\n\n1', 'a\n\n', 'a\n\n1.5'])('%o was not made as a key', (text) => {
  expect(() => parseAccountKey(text)).toThrow(RangeError)
})

function keyOf({ budget, each, startsAt }: { budget: string; each: string | null; startsAt: number }): string {
  return toAccountKey(toBudgetId(budget), each, startsAt)
}

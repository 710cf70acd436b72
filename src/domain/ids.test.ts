import fc from 'fast-check'
import { expect, test } from 'vitest'
import { isId, parseAccountKey, toAccountKey, toBudgetId, toCallId, toName } from './ids.ts'

const ids = fc.string({ minLength: 1, maxLength: 200, unit: 'grapheme' }).filter(isId)
const starts = fc.integer({ min: -86_400_000, max: 8_640_000_000_000_000 })

test.each(['a', 'team:marketing', 'Zürich/東京 \u{1F525}', 'x'.repeat(200)])('%o is an id', (text) => {
  expect(isId(text)).toBe(true)
  expect(toBudgetId(text)).toBe(text)
  expect(toCallId(text)).toBe(text)
})

test.each(['', 'x'.repeat(201), 'a\nb', 'a\0', '\t', 'a\x7Fb', 'a\x85b', 'a\u2028b', 'a\u202Eb', 'a\uFEFF', '\uD800', 'a\uDC00b'])(
  '%o is no id',
  (text) => {
    expect(isId(text)).toBe(false)
    expect(() => toBudgetId(text)).toThrow(RangeError)
    expect(() => toCallId(text)).toThrow(RangeError)
  },
)

test('two different accounts never share a key', () => {
  const accounts = fc.record({ budget: ids, each: fc.option(ids), startsAt: starts })
  fc.assert(
    fc.property(accounts, accounts, (a, b) => {
      const isSame = a.budget === b.budget && a.each === b.each && a.startsAt === b.startsAt
      expect(keyOf(a) === keyOf(b)).toBe(isSame)
    }),
  )
  expect(keyOf({ budget: 'a', each: 'b', startsAt: 1 })).not.toBe(keyOf({ budget: 'a b', each: null, startsAt: 1 }))
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

test('a name is one, whether its marks are written apart or not', () => {
  const texts = fc.string({ minLength: 1, maxLength: 200, unit: 'binary' })
  fc.assert(
    fc.property(texts, (text) => {
      expect(toName(text.normalize('NFD'))).toBe(toName(text.normalize('NFC')))
    }),
  )
  expect(toName('Zoe\u0308')).toBe('Zo\u00EB')
  expect(toName('x'.repeat(801))).toBeUndefined()
})

test('whatever is a name comes back from UTF-8 as it was, and stands on one line', () => {
  const texts = fc.string({ maxLength: 210, unit: fc.integer({ min: 0, max: 0xffff }).map((code) => String.fromCharCode(code)) })
  fc.assert(
    fc.property(texts, (text) => {
      const name = toName(text)
      if (name === undefined) return
      expect(new TextDecoder().decode(new TextEncoder().encode(name))).toBe(name)
      expect(name.split(/[\n\r\u2028\u2029]/)).toEqual([name])
    }),
  )
})

function keyOf({ budget, each, startsAt }: { budget: string; each: string | null; startsAt: number }): string {
  return toAccountKey(toBudgetId(budget), each, startsAt)
}

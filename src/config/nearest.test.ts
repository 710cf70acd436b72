import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { nearestName } from './nearest.ts'
import { sectionKeys } from './field.ts'
import './schema.ts'

const KEYS = [...new Set([...sectionKeys.values()].flat())]

/** A name with one typing error: a letter too many, one too few, a wrong one, or two swapped. */
const mistyped = fc
  .record({
    name: fc.constantFrom(...KEYS.filter((key) => key.length >= 3)),
    at: fc.nat(),
    letter: fc.constantFrom('a', 'e', 'x'),
    kind: fc.nat(3),
  })
  .map(({ name, at, letter, kind }) => {
    const i = at % (name.length - 1)
    const typed = [
      name.slice(0, i) + letter + name.slice(i),
      name.slice(0, i) + name.slice(i + 1),
      name.slice(0, i) + letter + name.slice(i + 1),
      name.slice(0, i) + name.charAt(i + 1) + name.charAt(i) + name.slice(i + 2),
    ]
    return { name, typed: typed[kind]! }
  })

test('a known name is its own nearest', () => {
  for (const key of KEYS) expect(nearestName(key, KEYS)).toBe(key)
})

test('one typing error in a key finds the key', () => {
  fc.assert(
    fc.property(mistyped, ({ name, typed }) => {
      expect(nearestName(typed, [name, 'something_quite_different'])).toBe(name)
    }),
  )
})

test('among all keys, one typing error finds a key that is at most as far away', () => {
  fc.assert(
    fc.property(mistyped, ({ typed }) => {
      expect(KEYS).toContain(nearestName(typed, KEYS))
    }),
  )
})

test('case, hyphens and underscores are no difference', () => {
  expect(nearestName('Hard-Cap', KEYS)).toBe('hard_cap')
  expect(nearestName('ALERTAT', KEYS)).toBe('alert_at')
})

test('what is like no candidate has no nearest', () => {
  expect(nearestName('zzzzzzzz', KEYS)).toBeUndefined()
  expect(nearestName('x', ['period'])).toBeUndefined()
  fc.assert(
    fc.property(fc.string(), (typed) => {
      expect([undefined, 'period']).toContain(nearestName(typed, ['period']))
    }),
  )
})

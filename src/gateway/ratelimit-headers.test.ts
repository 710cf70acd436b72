import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Standing } from '../engine/ports.ts'
import { ratelimitHeaders } from './ratelimit-headers.ts'

const standing = (each: string) =>
  ({
    budget: { id: 'per-user', unit: 'tokens', limit: 100 },
    each,
    period: { kind: 'total', name: 'total', startsAt: 0, endsAt: 1 },
    used: 40,
    held: 0,
    granted: 0,
  }) as unknown as Standing

test('whatever a user is called, its items are printable ASCII, from which the name can be read', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', minLength: 1 }), (each) => {
      const { ratelimit, 'ratelimit-policy': policy } = ratelimitHeaders([standing(each)], 0)
      expect(`${String(ratelimit)}${String(policy)}`).toMatch(/^[\x20-\x7E]*$/)
    }),
  )
  expect(ratelimitHeaders([standing('🔥 "Zoë" 100%')], 0)).toEqual({
    'ratelimit-policy': String.raw`"per-user/%F0%9F%94%A5 \"Zo%C3%AB\" 100%";q=100;qu="tokens"`,
    ratelimit: String.raw`"per-user/%F0%9F%94%A5 \"Zo%C3%AB\" 100%";r=60`,
  })
})

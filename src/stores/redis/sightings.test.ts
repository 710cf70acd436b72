import { expect, test } from 'vitest'
import { createKeyNames } from './key-names.ts'
import { RedisHolds } from './holds.ts'
import { Sightings } from './sightings.ts'

test('what changed was not seen before, and what was not seen twice is forgotten', () => {
  let now = 1000
  const sightings = new Sightings(() => now)
  expect(sightings.see('a', '1')).toBe(0)
  now += 500
  expect(sightings.see('a', '1')).toBe(500)
  expect(sightings.see('a', '2')).toBe(0)
  sightings.forgetOthers()
  now += 10
  expect(sightings.see('a', '2')).toBe(10)
  sightings.forgetOthers()
  sightings.forgetOthers()
  expect(sightings.see('a', '2')).toBe(0)
})

test("a hold stands as long as it should by this machine's time, wherever the store's clock is set", async () => {
  const TTL_MS = 10_000
  let monotonic = 0
  let expiresAt = TTL_MS
  const session = { ask: async () => ['0', ['call-1', `0|0|5|${expiresAt}|text`]] }
  const holds = new RedisHolds({ session, names: createKeyNames('{test}'), holdTtlMs: TTL_MS, monotonic: () => monotonic })
  expect(await holds.expired(0)).toEqual([])
  const setForward = 3_600_000
  expect(await holds.expired(setForward)).toEqual([])
  monotonic = TTL_MS - 1
  expect(await holds.expired(setForward)).toEqual([])
  expiresAt = setForward + TTL_MS
  expect(await holds.expired(setForward + TTL_MS)).toEqual([])
  monotonic += TTL_MS
  expect(await holds.expired(setForward)).toEqual([])
  expect(await holds.expired(setForward + TTL_MS)).toEqual(['call-1'])
})

import { expect, test } from 'vitest'
import { createCallIds } from './call-ids.ts'

test('ids sort in the order in which they were made, within a millisecond and over many', () => {
  let now = Date.UTC(2026, 0, 1)
  const ids = createCallIds(() => now)
  const made = Array.from({ length: 5000 }, (_, i) => {
    if (i % 1500 === 1499) now++
    return ids.callId()
  })
  expect(made.toSorted()).toEqual(made)
  expect(new Set(made).size).toBe(made.length)
  for (const id of made) expect(id).toMatch(/^call_[0-9a-z]{29}$/)
})

test('two processes make none alike', () => {
  const first = createCallIds(() => 1)
  const second = createCallIds(() => 1)
  expect(first.callId()).not.toBe(second.callId())
})

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createCallIds } from './call-ids.ts'
import { CallMap } from './call-map.ts'
import { type CallId, toCallId } from '../domain/ids.ts'

/** Many of them have the same hash: that of `Aa` is that of `BB`, and neither the start nor the end of a long one is in it. */
const call = fc
  .array(fc.constantFrom('Aa', 'BB', 'C', 'c'.repeat(20)), { minLength: 1, maxLength: 3 })
  .map((parts) => toCallId(`call_${parts.join('')}`))
const step = fc.record({ kind: fc.constantFrom('set', 'take', 'get'), call, value: fc.nat() })

test('it holds what a Map holds, also of calls with the same hash', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
      const map = new CallMap<number>()
      const model = new Map<CallId, number>()
      for (const { kind, call, value } of steps) {
        if (kind === 'get') expect([map.get(call), map.has(call)]).toEqual([model.get(call), model.has(call)])
        if (kind === 'set') {
          map.set(call, value)
          model.set(call, value)
        }
        if (kind === 'take') {
          expect(map.take(call)).toBe(model.get(call))
          model.delete(call)
        }
        expect(map.size).toBe(model.size)
        expect(new Map(map)).toEqual(model)
      }
    }),
    { numRuns: 1000 },
  )
})

test('what is taken out while it is gone through does not come any more', () => {
  const map = new CallMap<number>()
  for (const [value, id] of ['AaAa', 'BBBB', 'AaBB', 'C'].entries()) map.set(toCallId(`call_${id}`), value)
  const seen: CallId[] = []
  for (const [call] of map) {
    seen.push(call)
    for (const id of ['AaAa', 'BBBB', 'AaBB', 'C']) if (`call_${id}` !== call) map.take(toCallId(`call_${id}`))
  }
  expect(seen).toHaveLength(1)
})

test('it grows with the calls in flight, and keeps them', () => {
  const map = new CallMap<number>()
  const ids = createCallIds(() => 0)
  const calls = Array.from({ length: 3000 }, () => ids.callId())
  for (const [value, call] of calls.entries()) map.set(call, value)
  for (const call of calls.filter((_, i) => i % 3 === 0)) map.take(call)
  const left = calls.map((call, value) => [call, value] as const).filter(([, value]) => value % 3 !== 0)
  expect(map.size).toBe(2000)
  expect([...map].toSorted(([, a], [, b]) => a - b)).toEqual(left)
  for (const [call, value] of left) expect(map.get(call)).toBe(value)
})

import { expect, test } from 'vitest'
import { toCallId } from '../../src/domain/ids.ts'
import { accountRef } from '../../src/engine/budget-book.ts'
import { AT, budget } from '../../src/stores/contract/sample-records.ts'
import { toAccount } from '../../src/stores/redis/account-row.ts'
import { Auditor } from './auditor.ts'

const BUDGET = budget('global', 100)
const REF = accountRef(BUDGET, null, AT)

/** A caller was let in to use 60 of 100, its process could not tell the store how that ended, and counts it later. */
function watching(onLost: 'charge' | 'release'): Auditor {
  const auditor = new Auditor({ isTimeSteady: true, capsHold: true, areSlicesKept: true, onLost, holdTtlMs: 5000, now: () => AT })
  auditor.defined([BUDGET])
  const attributes = { provider: 'p', model: 'm', tags: {} }
  const call = { id: toCallId('call-1'), admittedAt: AT, attributes, endpoint: 'simulated' }
  const standings = [toAccount(REF, [0, 60, 1, 0, 0, 0])]
  const bound = { input: 60, outputMax: 0, outputMin: 0, choices: 1 }
  auditor.admit({ kind: 'admitted', call, outputMax: 0, outputRoom: 0, isClamped: false, standings }, bound, {
    incarnation: 'p0a0',
    isUncounted: false,
  })
  auditor.produce(call.id, { input: 60, output: 0 })
  auditor.deliver(call.id, undefined, true)
  return auditor
}

test.each(['charge', 'release'] as const)('what a store forgot may be counted beside what took its place (%s)', (onLost) => {
  const auditor = watching(onLost)
  auditor.forgotten(['call-1'])
  expect(() => auditor.look(REF.key, { used: 60, held: 100, overrun: 0 })).not.toThrow()
  expect(() => auditor.look(REF.key, { used: 60, held: 101, overrun: 0 })).toThrow('60 used and 101 held, of 100')
})

test.each(['charge', 'release'] as const)('what no store forgot may not (%s)', (onLost) => {
  expect(() => watching(onLost).look(REF.key, { used: 60, held: 41, overrun: 0 })).toThrow('60 used and 41 held, of 100')
})

import { expect, test } from 'vitest'
import { judge } from './judge.ts'
import type { CallNote } from './notes.ts'

const answered: CallNote = { bound: 100, produced: 60, isAnswered: true }
const cutOff: CallNote = { bound: 100, isAnswered: false }

test('a call is charged what was produced, or what it held where it was cut off', () => {
  const notes = new Map([
    ['a', answered],
    ['b', cutOff],
  ])
  const calls = [
    { id: 'a', charged: 60, isEstimated: false },
    { id: 'b', charged: 100, isEstimated: true },
    { id: 'c', charged: 40, isEstimated: true },
  ]
  expect(judge(notes, calls)).toEqual({
    exact: 1,
    estimated: 1,
    unseen: 1,
    lost: 0,
    doubled: 0,
    wrong: 0,
    charged: 200,
    produced: 60,
  })
})

test.each([
  ['lost', 'is not in the ledger', []],
  ['doubled', 'is there twice', [call(60), call(60)]],
  ['doubled', 'is charged twice', [call(120)]],
  ['wrong', 'is charged another amount', [call(61)]],
  ['wrong', 'is charged as an estimate of nothing', [call(0, true)]],
] as const)('a call is %s that %s', (kind, _, calls) => {
  expect(judge(new Map([['a', answered]]), calls)).toMatchObject({ [kind]: 1 })
})

function call(charged: number, isEstimated = false) {
  return { id: 'a', charged, isEstimated }
}

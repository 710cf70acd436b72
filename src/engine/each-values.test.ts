import { describe, expect, test } from 'vitest'
import type { Attributes } from '../domain/budgets/scope.ts'
import { AT, budget } from '../stores/contract/sample-records.ts'
import { BudgetBook } from './budget-book.ts'
import { OTHER_VALUES } from './each-values.ts'

const MAX = 10_000
const MONTH_MS = 32 * 86_400_000

function bookOf(onFull: (message: string) => void = () => undefined): BudgetBook {
  return new BudgetBook({ version: 1, budgets: [{ ...budget('per-user'), each: 'user' }, budget('global')] }, onFull)
}

const caller = (user: string, key = 'k'): Attributes => ({ user, key, provider: 'p', model: 'm', tags: {} })

describe('values of "each" that a caller makes up', () => {
  test('beyond the bound they share one account, which is said once; the known ones keep theirs', () => {
    const told: string[] = []
    const book = bookOf((message) => told.push(message))
    const eachOf = (user: string, { key = 'k', at = AT } = {}) => book.accountsOf(caller(user, key), at)[0]?.each
    const accounts = new Set<string | null | undefined>()
    for (let i = 0; i < MAX * 2; i++) accounts.add(eachOf(`user-${i}`))
    expect(accounts.size).toBe(MAX + 1)
    expect(accounts.has(OTHER_VALUES)).toBe(true)
    expect(told).toHaveLength(1)
    expect(told[0]).toContain('per-user')
    expect([eachOf('user-0'), eachOf(`user-${MAX}`)]).toEqual(['user-0', OTHER_VALUES])
    expect(eachOf('honest', { key: 'another key' })).toBe('honest')
    expect(eachOf(`user-${MAX}`, { at: AT + MONTH_MS })).toBe(`user-${MAX}`)
  })

  test('a call counts once in the account that they share', () => {
    const book = new BudgetBook({ version: 1, budgets: [{ ...budget('per-model'), each: 'model' }] }, () => undefined)
    for (let i = 0; i < MAX; i++) book.accountsOf({ ...caller('u'), model: `m-${i}` }, AT)
    const accounts = book.accountsOf({ ...caller('u'), model: 'new-1', otherModels: ['new-2', 'm-1'] }, AT)
    expect(accounts.map(({ each }) => each)).toEqual([OTHER_VALUES, 'm-1'])
  })
})

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Account, adoptBudget, openAccount, restoreAccount } from './account.ts'
import { AMOUNT_MAX } from '../amount.ts'
import type { Budget } from '../budgets/budget.ts'
import { toBudgetId } from '../ids.ts'
import { crossByRefusal, crossThreshold } from './threshold.ts'

const PERIOD = { kind: 'month', startsAt: 0, endsAt: 1000, name: '1970-01' } as const

function budget(more: Partial<Budget>): Budget {
  return {
    id: toBudgetId('team:a'),
    name: 'A',
    scope: {},
    unit: 'tokens',
    limit: 100,
    period: { kind: 'month', timezone: 'UTC' },
    alertAt: [0.5, 0.8],
    isHardCap: true,
    nearLimit: 'clamp',
    waitMs: 0,
    managedBy: 'file',
    ...more,
  }
}

/** The shares that fire while `used` takes these values one after the other. */
function fired(account: Account, ...used: readonly number[]): readonly (number | undefined)[] {
  return used.map((amount) => {
    account.used = amount
    return crossThreshold(account)?.threshold
  })
}

const open = (more: Partial<Budget> = {}) => openAccount(budget(more), null, PERIOD)

describe('an alert fires once per account and threshold', () => {
  test('at the first amount that reaches the share, and never again', () => {
    expect(fired(open(), 49, 50, 50, 51, 79, 80, 81)).toEqual([undefined, 0.5, undefined, undefined, undefined, 0.8, undefined])
  })

  test('of several crossed by one call only the highest fires, and the lower ones never do', () => {
    expect(fired(open(), 85, 90, 99)).toEqual([0.8, undefined, undefined])
    expect(fired(open(), 150, 200)).toEqual([1, undefined])
  })

  test('at the limit it says exhausted, also where no threshold names it', () => {
    expect(fired(open({ alertAt: [] }), 99, 100, 101)).toEqual([undefined, 1, undefined])
    expect(fired(open({ alertAt: [0.5, 1] }), 100, 101)).toEqual([1, undefined])
  })

  test('the fact carries what was used and the limit with its grants at that moment', () => {
    const account = restoreAccount({ ...open(), granted: 20, used: 60 })
    expect(crossThreshold(account)).toEqual({ account: account.key, threshold: 0.5, used: 60, limit: 120 })
  })

  test('a new account is armed again', () => {
    const account = open()
    expect(fired(account, 60)).toEqual([0.5])
    const next = openAccount(account.budget, null, { ...PERIOD, startsAt: 1000, endsAt: 2000 })
    expect(fired(next, 60)).toEqual([0.5])
    expect(next.key).not.toBe(account.key)
  })

  test('an account that was restored does not fire what had fired', () => {
    const restored = restoreAccount({ ...open(), used: 55, alertedAt: 0.5 })
    expect(fired(restored, 55, 79, 80)).toEqual([undefined, undefined, 0.8])
  })

  test('an account that was restored without its alert fires it: none is lost', () => {
    expect(fired(restoreAccount({ ...open(), used: 55, alertedAt: 0 }), 55)).toEqual([0.5])
  })
})

describe('an edit of the budget', () => {
  test('a raised limit fires nothing again, and counts for the thresholds that are still to come', () => {
    const account = open()
    expect(fired(account, 50)).toEqual([0.5])
    adoptBudget(account, budget({ limit: 1000 }))
    expect(fired(account, 500, 799, 800)).toEqual([undefined, undefined, 0.8])
  })

  test('raised and lowered again, it fires nothing again', () => {
    const account = open()
    expect(fired(account, 100)).toEqual([1])
    adoptBudget(account, budget({ limit: 1000 }))
    expect(fired(account, 900)).toEqual([undefined])
    adoptBudget(account, budget({ limit: 100 }))
    expect(fired(account, 901)).toEqual([undefined])
  })

  test('a lowered limit makes due what has not fired', () => {
    const account = open()
    expect(fired(account, 45)).toEqual([undefined])
    adoptBudget(account, budget({ limit: 50 }))
    expect(fired(account, 45)).toEqual([0.8])
  })

  test('a new threshold below one that fired never fires; one above does', () => {
    const account = open()
    expect(fired(account, 60)).toEqual([0.5])
    adoptBudget(account, budget({ alertAt: [0.3, 0.55, 0.9] }))
    expect(fired(account, 60, 61)).toEqual([0.55, undefined])
  })
})

describe('a refusal for what is used', () => {
  test('says exhausted once, though a little is left', () => {
    const account = open()
    account.used = 95
    expect(crossByRefusal(account)).toEqual({ account: account.key, threshold: 1, used: 95, limit: 100 })
    expect(crossByRefusal(account)).toBeUndefined()
    expect(fired(account, 100, 150)).toEqual([undefined, undefined])
  })

  test('says nothing where exhaustion has fired', () => {
    const account = open()
    expect(fired(account, 100)).toEqual([1])
    expect(crossByRefusal(account)).toBeUndefined()
  })
})

describe('a share of a limit is an exact amount', () => {
  test('0.07 of 100 is 7', () => {
    expect(fired(open({ alertAt: [0.07] }), 6, 7)).toEqual([undefined, 0.07])
  })

  test('a share that is no whole amount is reached by the next one', () => {
    expect(fired(open({ alertAt: [0.5], limit: 101 }), 50, 51)).toEqual([undefined, 0.5])
  })

  test('as in integers of any size, for every share in thousandths', () => {
    const limits = fc.oneof(fc.integer({ min: 1, max: 10_000 }), fc.integer({ min: 1, max: 100_000_000_000 }))
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 999 }), limits, (thousandths, limit) => {
        const due = Number((BigInt(thousandths) * BigInt(limit) + 999n) / 1000n)
        const share = thousandths / 1000
        // Where the share is the whole of a tiny limit, exhaustion is crossed by the same call and is the higher one.
        expect(fired(open({ alertAt: [share], limit }), due - 1, due)).toEqual([undefined, due === limit ? 1 : share])
      }),
      { numRuns: 5000 },
    )
  })

  test('exhausted is the limit itself, to the last unit, also above 1e15', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: AMOUNT_MAX }), (limit) => {
        expect(fired(open({ alertAt: [], limit }), limit - 1, limit)).toEqual([undefined, 1])
      }),
    )
  })

  test('an account in which nothing was used has reached nothing, also with a limit of 0', () => {
    expect(fired(open({ limit: 0 }), 0, 1)).toEqual([undefined, 1])
  })
})

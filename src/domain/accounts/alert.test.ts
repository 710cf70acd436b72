import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Account, openAccount } from './account.ts'
import { alertOf } from './alert.ts'
import type { Budget } from '../budgets/budget.ts'
import { isId, toBudgetId } from '../ids.ts'
import { crossThreshold } from './threshold.ts'

const PERIOD = { kind: 'month', startsAt: 1_793_491_200_000, endsAt: 1_796_083_200_000, name: '2026-11' } as const

function account(id: string, each: string | null, more: Partial<Budget> = {}): Account {
  const budget: Budget = {
    id: toBudgetId(id),
    name: 'Name',
    scope: {},
    unit: 'tokens',
    limit: 100,
    period: { kind: 'month', timezone: 'UTC' },
    alertAt: [0.8],
    isHardCap: true,
    nearLimit: 'clamp',
    waitMs: 0,
    managedBy: 'file',
    ...more,
  }
  return openAccount(budget, each, PERIOD)
}

const idOf = (of: Account, threshold = 0.8) => alertOf(of, { account: of.key, threshold, used: 80, limit: 100 }, 5, []).id

test('an alert says all that a message needs, as it was when it happened', () => {
  const own = account('team:marketing', null, { ownerEmail: 'm@example.com' })
  own.used = 85
  const alert = alertOf(own, crossThreshold(own)!, 1_794_000_000_000, ['slack', 'email'])
  own.used = 100
  expect(alert).toEqual({
    id: 'alert-team:marketing-1793491200000-0.8',
    at: 1_794_000_000_000,
    account: own.key,
    budget: 'team:marketing',
    name: 'Name',
    each: null,
    unit: 'tokens',
    threshold: 0.8,
    used: 85,
    limit: 100,
    isHardCap: true,
    period: PERIOD,
    ownerEmail: 'm@example.com',
    channels: ['slack', 'email'],
  })
})

test('a budget that chooses channels is heard of there only, and a channel that does not exist owes nothing', () => {
  const own = account('a', null, { channels: ['email', 'gone'] })
  expect(alertOf(own, { account: own.key, threshold: 1, used: 100, limit: 100 }, 5, ['slack', 'email']).channels).toEqual(['email'])
})

test('two alerts never share an id, so that none is taken for a repetition of another', () => {
  const ids = fc.oneof(fc.stringMatching(/^[a-]{1,3}$/), fc.string({ minLength: 1, maxLength: 20, unit: 'grapheme' }).filter(isId))
  const alerts = fc.record({ budget: ids, each: fc.option(ids), threshold: fc.constantFrom(0.5, 0.8, 1) })
  fc.assert(
    fc.property(alerts, alerts, (a, b) => {
      const isSame = a.budget === b.budget && a.each === b.each && a.threshold === b.threshold
      expect(idOf(account(a.budget, a.each), a.threshold) === idOf(account(b.budget, b.each), b.threshold)).toBe(isSame)
    }),
    { numRuns: 5000 },
  )
})

test.each([
  [account('team', 'ann'), account('team-ann', null)],
  [account('team', 'a-b'), account('team-a', 'b')],
  [account('x', `y-${PERIOD.startsAt}-0.8`), account(`x-${PERIOD.startsAt}-0.8:y`, null)],
  [account('x', 'a:b'), account('x', 'a%3Ab')],
])('not even where names are joined with dashes: case %#', (a, b) => {
  expect(idOf(a)).not.toBe(idOf(b))
})

test('half a surrogate pair in an attribute ends no settlement', () => {
  expect(idOf(account('team', '\uD800'))).toBe(`alert-team-${PERIOD.startsAt}-0.8:%EF%BF%BD`)
})

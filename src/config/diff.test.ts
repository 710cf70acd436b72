import { expect, test } from 'vitest'
import type { BudgetDefinition } from '../domain/budgets/budget.ts'
import { toBudgetId } from '../domain/ids.ts'
import { diffBudgets, formatBudgetDiff } from './diff.ts'

function budget(id: string, changes: Partial<BudgetDefinition> = {}): BudgetDefinition {
  return {
    id: toBudgetId(id),
    name: id,
    scope: { team: 'a', user: 'u' },
    unit: 'tokens',
    limit: 100,
    period: { kind: 'month', timezone: 'UTC' },
    alertAt: [0.8],
    isHardCap: true,
    nearLimit: 'clamp',
    waitMs: 0,
    managedBy: 'file',
    ...changes,
  }
}

test('lists that say the same have no difference, whatever the order of budgets and attributes', () => {
  const before = [budget('a'), budget('b')]
  const after = [budget('b', { scope: { user: 'u', team: 'a' } }), budget('a')]
  expect(diffBudgets(before, after)).toEqual({ added: [], changed: [], removed: [] })
})

test('budgets that came, changed and went are told apart, with the fields that changed', () => {
  const diff = diffBudgets(
    [budget('a'), budget('b'), budget('c')],
    [budget('b', { limit: 200, alertAt: [0.5, 0.8] }), budget('c'), budget('d')],
  )
  expect(diff.added.map(({ id }) => id)).toEqual(['d'])
  expect(diff.removed.map(({ id }) => id)).toEqual(['a'])
  expect(diff.changed.map(({ after, fields }) => [after.id, fields])).toEqual([['b', ['limit', 'alertAt']]])
})

test('a difference reads as one line for each budget, old value before new', () => {
  const lines = formatBudgetDiff(
    diffBudgets([budget('a'), budget('b')], [budget('b', { limit: 200, ownerEmail: 'x@example.com' }), budget('c')]),
  )
  expect(lines).toEqual(['+ c (c)', '~ b: limit 100 -> 200; ownerEmail none -> "x@example.com"', '- a (a)'])
})

test('every field of a definition is compared', () => {
  const full: Required<BudgetDefinition> = {
    ...budget('a'),
    each: 'user',
    enforcement: 'leased',
    unpriced: 'refuse',
    weights: { cachedInput: 100 },
    ownerEmail: 'a@example.com',
    channels: ['slack'],
    notes: 'n',
  }
  for (const field of Object.keys(full).filter((name) => name !== 'id')) {
    const changed = { ...full, [field]: 'another value' } as unknown as BudgetDefinition
    expect(diffBudgets([full], [changed]).changed[0]?.fields).toEqual([field])
  }
})

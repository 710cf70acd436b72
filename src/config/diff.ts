import { isDeepStrictEqual } from 'node:util'
import type { BudgetDefinition } from '../domain/budgets/budget.ts'

/** What becomes of the budgets when one list takes the place of another. */
export interface BudgetDiff {
  readonly added: readonly BudgetDefinition[]
  readonly changed: readonly BudgetChange[]
  readonly removed: readonly BudgetDefinition[]
}

interface BudgetChange {
  readonly before: BudgetDefinition
  readonly after: BudgetDefinition
  /** What differs; never empty. */
  readonly fields: readonly (keyof BudgetDefinition)[]
}

const FIELDS: readonly (keyof BudgetDefinition)[] = [
  'name',
  'scope',
  'each',
  'unit',
  'limit',
  'period',
  'alertAt',
  'isHardCap',
  'nearLimit',
  'waitMs',
  'enforcement',
  'unpriced',
  'weights',
  'ownerEmail',
  'channels',
  'notes',
  'managedBy',
]

/** Compares two lists of budgets by their ids, which are unique in each; the order of the lists does not matter. */
export function diffBudgets(before: readonly BudgetDefinition[], after: readonly BudgetDefinition[]): BudgetDiff {
  const old = new Map(before.map((budget) => [budget.id, budget]))
  const kept = new Set(after.map(({ id }) => id))
  return {
    added: after.filter(({ id }) => !old.has(id)),
    changed: after.flatMap((budget) => changeOf(old.get(budget.id), budget)),
    removed: before.filter(({ id }) => !kept.has(id)),
  }
}

/** One line for each difference: `+ added`, `~ changed (with the old and new values)`, `- removed`. */
export function formatBudgetDiff({ added, changed, removed }: BudgetDiff): readonly string[] {
  return [
    ...added.map(({ id, name }) => `+ ${id} (${name})`),
    ...changed.map(({ before, after, fields }) => `~ ${after.id}: ${fields.map((field) => formatField(field, before, after)).join('; ')}`),
    ...removed.map(({ id, name }) => `- ${id} (${name})`),
  ]
}

function changeOf(before: BudgetDefinition | undefined, after: BudgetDefinition): readonly BudgetChange[] {
  if (before === undefined) return []
  const fields = FIELDS.filter((field) => !isDeepStrictEqual(before[field], after[field]))
  return fields.length === 0 ? [] : [{ before, after, fields }]
}

function formatField(field: keyof BudgetDefinition, before: BudgetDefinition, after: BudgetDefinition): string {
  return `${field} ${JSON.stringify(before[field]) ?? 'none'} -> ${JSON.stringify(after[field]) ?? 'none'}`
}

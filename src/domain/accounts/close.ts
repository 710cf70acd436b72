import type { Amount, Unit } from '../amount.ts'
import type { AccountKey, BudgetId } from '../ids.ts'
import type { EpochMs } from '../instant.ts'
import type { Period } from '../budgets/period.ts'

/** The immutable record of an account when its period has ended and the last call that began in it was settled. */
export interface Close {
  readonly account: AccountKey
  readonly budget: BudgetId
  readonly name: string
  readonly each: string | null
  readonly unit: Unit
  readonly period: Period
  readonly limit: Amount
  readonly granted: Amount
  readonly used: Amount
  readonly overrun: Amount
  readonly closedAt: EpochMs
}

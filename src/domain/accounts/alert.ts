import type { Account } from './account.ts'
import type { Amount, Unit } from '../amount.ts'
import type { AccountKey, BudgetId } from '../ids.ts'
import type { EpochMs } from '../instant.ts'
import type { Period } from '../budgets/period.ts'
import type { Crossing } from './threshold.ts'

/** The fact that a budget's owner should hear of, with all that a message about it says; frozen when it happened. */
export interface Alert {
  /** The same for every delivery and every retry, so that a receiver can tell a repetition. */
  readonly id: string
  readonly at: EpochMs
  readonly account: AccountKey
  readonly budget: BudgetId
  readonly name: string
  readonly each: string | null
  readonly unit: Unit
  /** Share of the limit; 1 is exhausted. */
  readonly threshold: number
  readonly used: Amount
  readonly limit: Amount
  readonly isHardCap: boolean
  readonly period: Period
  readonly ownerEmail?: string
  /** The channels that owe a delivery. */
  readonly channels: readonly string[]
}

/** @param channelNames the channels that exist; the budget may choose some of them */
export function alertOf(account: Account, crossing: Crossing, at: EpochMs, channelNames: readonly string[]): Alert {
  const { budget, each, period } = account
  const chosen = budget.channels
  return {
    id: `alert-${budget.id}-${period.startsAt}-${crossing.threshold}${each === null ? '' : `:${escaped(each)}`}`,
    at,
    account: account.key,
    budget: budget.id,
    name: budget.name,
    each,
    unit: budget.unit,
    threshold: crossing.threshold,
    used: crossing.used,
    limit: crossing.limit,
    isHardCap: budget.isHardCap,
    period,
    ...(budget.ownerEmail === undefined ? {} : { ownerEmail: budget.ownerEmail }),
    channels: chosen === undefined ? channelNames : channelNames.filter((name) => chosen.includes(name)),
  }
}

/** Without a colon or a dash, so that no two accounts share an id: not `team-ann`, and not `team` with its user `ann`. */
function escaped(each: string): string {
  return encodeURIComponent(each.toWellFormed()).replaceAll('-', '%2D')
}

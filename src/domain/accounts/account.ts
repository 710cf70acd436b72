import type { Amount } from '../amount.ts'
import type { Budget } from '../budgets/budget.ts'
import { type AccountKey, toAccountKey } from '../ids.ts'
import type { Period } from '../budgets/period.ts'
import { alertAmount } from './threshold.ts'

/**
 * A budget's running state in one period (and for one `each` value). The one thing in the domain that changes in place: only
 * `admission.ts` and `threshold.ts` write to it, and `used` only grows.
 */
export interface Account {
  readonly key: AccountKey
  readonly each: string | null
  budget: Budget
  /** Its end moves only once: to the instant of a reset. */
  period: Period
  used: Amount
  held: Amount
  /** How many calls hold something in it, be it 0; its close waits for them. */
  callsInFlight: number
  granted: Amount
  /** How much of `used` went beyond the calls' holds. */
  overrun: Amount
  /** The highest share of the limit at which an alert has fired; 0: none yet. */
  alertedAt: number
  /** The amount of `used` from which on the next alert is due; kept so that a settlement compares two integers. */
  alertDueAt: Amount
}

/** An account is born empty. */
export function openAccount(budget: Budget, each: string | null, period: Period): Account {
  return restoreAccount({
    key: toAccountKey(budget.id, each, period.startsAt),
    each,
    budget,
    period,
    used: 0,
    held: 0,
    callsInFlight: 0,
    granted: 0,
    overrun: 0,
    alertedAt: 0,
  })
}

/** An account as the ledger knows it. */
export function restoreAccount(state: Omit<Account, 'alertDueAt'>): Account {
  const account: Account = { ...state, alertDueAt: 0 }
  account.alertDueAt = alertAmount(account)
  return account
}

/** Puts an edited budget in force: what was used stays, the limit is the new one. */
export function adoptBudget(account: Account, budget: Budget): void {
  account.budget = budget
  account.alertDueAt = alertAmount(account)
}

/** The one function that decides the limit: what the budget allows and what was granted on top. */
export function capOf(account: Account): Amount {
  return account.budget.limit + account.granted
}

/** What is left; negative where an advisory budget is exceeded or the limit was lowered below what is used and held. */
export function roomOf(account: Account): number {
  return capOf(account) - account.used - account.held
}

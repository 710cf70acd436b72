import type { Account } from './account.ts'
import type { Amount } from '../amount.ts'
import { AMOUNT_MAX } from '../amount.ts'
import type { AccountKey } from '../ids.ts'

/** The share at which a budget is exhausted; an alert fires there whether or not `alertAt` names it. */
export const EXHAUSTED = 1

/** The fact that an account reached a share of its limit: at most one per account and share, ever. */
export interface Crossing {
  readonly account: AccountKey
  /** Share of the limit, above 0 and at most 1; 1 is exhausted. */
  readonly threshold: number
  readonly used: Amount
  /** Limit and grants at that moment. */
  readonly limit: Amount
}

/**
 * Latches the highest threshold that the account's `used` has reached and that has not fired, and returns it; the lower ones
 * never fire. Raising the limit afterwards re-arms nothing.
 */
export function crossThreshold(account: Account): Crossing | undefined {
  if (account.used < account.alertDueAt) return undefined
  let reached = account.alertedAt
  for (const share of sharesOf(account)) {
    if (account.used >= amountAt(share, account)) reached = Math.max(reached, share)
  }
  return reached > account.alertedAt ? latch(account, reached) : undefined
}

/** Latches exhaustion where a hard cap refused a call for what is used, though `used` itself is still below the limit. */
export function crossByRefusal(account: Account): Crossing | undefined {
  return account.alertedAt < EXHAUSTED ? latch(account, EXHAUSTED) : undefined
}

/** The least amount of `used` at which an alert that has not fired is due. */
export function alertAmount(account: Account): Amount {
  const next = sharesOf(account).find((share) => share > account.alertedAt)
  return next === undefined ? AMOUNT_MAX : amountAt(next, account)
}

function latch(account: Account, threshold: number): Crossing {
  account.alertedAt = threshold
  account.alertDueAt = alertAmount(account)
  return { account: account.key, threshold, used: account.used, limit: account.budget.limit + account.granted }
}

function sharesOf(account: Account): readonly number[] {
  return account.budget.alertAt.includes(EXHAUSTED) ? account.budget.alertAt : [...account.budget.alertAt, EXHAUSTED]
}

/** Rounded to 15 digits first, since 0.07 * 100 is 7.000000000000001 in floats; an untouched account has reached nothing. */
function amountAt(share: number, account: Account): Amount {
  const limit = account.budget.limit + account.granted
  return Math.max(1, share === EXHAUSTED ? limit : Math.ceil(Number((share * limit).toPrecision(15))))
}

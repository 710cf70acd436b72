import { type Account, restoreAccount } from '../../domain/accounts/account.ts'
import type { Amount, Unit } from '../../domain/amount.ts'
import type { Budget } from '../../domain/budgets/budget.ts'
import { assert } from '../../domain/defect.ts'
import type { AccountKey, BudgetId } from '../../domain/ids.ts'
import type { Period } from '../../domain/budgets/period.ts'
import { EXHAUSTED } from '../../domain/accounts/threshold.ts'
import type { AccountRef } from '../../engine/ports.ts'
import { fromJson, hasFields } from '../ledger/row.ts'
import type { RedisReply } from './redis-client.ts'

/** What an account is, beside its sums. */
export interface AccountFace {
  readonly budget: BudgetId
  readonly each: string | null
  readonly unit: Unit
  /** The budget's when it was opened: what an account shows once its budget counts in another unit. */
  readonly limit: Amount
  readonly period: Period
}

export function toFace({ budget, each, period }: Pick<AccountRef, 'budget' | 'each' | 'period'>): string {
  const face: AccountFace = { budget: budget.id, each, unit: budget.unit, limit: budget.limit, period }
  return JSON.stringify(face)
}

const isFace = hasFields<AccountFace>('budget', 'each', 'unit', 'limit', 'period')

export function fromFace(json: RedisReply): AccountFace {
  assert(typeof json === 'string', 'an open account has a face')
  return fromJson(json, isFace)
}

/** @param sums as the scripts reply with them: used, held, calls in flight, granted, overrun, the share alerted */
export function toAccount(ref: Pick<AccountRef, 'key' | 'budget' | 'each' | 'period'>, sums: RedisReply | undefined): Account {
  const numbers = Array.isArray(sums) ? sums.map(Number) : []
  const [used = 0, held = 0, callsInFlight = 0, granted = 0, overrun = 0, alertedAt = 0] = numbers
  return restoreAccount({
    key: ref.key,
    each: ref.each,
    budget: ref.budget,
    period: ref.period,
    used,
    held,
    callsInFlight,
    granted,
    overrun,
    alertedAt,
  })
}

/** The parts of an account's key. */
export function partsOf(key: AccountKey): { readonly budget: string; readonly each: string; readonly startsAt: number } {
  const [budget = '', each = '', startsAt = '0'] = key.split('\n')
  return { budget, each, startsAt: Number(startsAt) }
}

/** Ascending, joined by blanks; exhaustion is always one of them. */
export function sharesOf({ alertAt }: Budget): string {
  return [...alertAt.filter((share) => share < EXHAUSTED), EXHAUSTED].join(' ')
}

/** No less of `used` alerts; what was granted only raises it. */
export function leastAlerting({ alertAt: [lowest = EXHAUSTED], limit }: Budget): number {
  return Math.max(1, Math.floor(lowest * limit))
}

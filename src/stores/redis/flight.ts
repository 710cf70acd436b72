import type { Amount } from '../../domain/amount.ts'
import { type CallBound, demandIn } from '../../domain/bound.ts'
import type { Budget } from '../../domain/budget.ts'
import type { Hold } from '../../domain/call.ts'
import type { AccountKey } from '../../domain/ids.ts'
import type { AccountRef, ReserveRequest } from '../../engine/ports.ts'
import { holdText, type StoredHold, toStored } from './hold-text.ts'
import type { LeasedHold } from './leases.ts'
import type { RedisReply } from './redis-client.ts'
import { causeOf } from './reservations.ts'
import type { Ending } from './settlements.ts'
import type { CountedCall } from './unconfirmed.ts'

/** A call of this process that is in flight. */
export interface Flight {
  hold: Hold
  stored: StoredHold
  readonly refs: readonly AccountRef[]
  /** By what its hold may be raised; absent: it may not. */
  readonly bound?: CallBound
  /** What it holds of this process's slices; absent: its hold stands in the store. */
  leased?: LeasedHold
  /** Let in while the store was away: it holds nothing there, and is counted when it has ended. */
  readonly isUncounted: boolean
}

/** Of each account: limit, fixed, perOutput, scale, and what it may do to a call. */
export function demandsOf(budgets: readonly Budget[], bound: CallBound, price: ReserveRequest['call']['price']): readonly number[] {
  const numbers: number[] = []
  for (const budget of budgets) {
    const { fixed, perOutput, scale } = demandIn(budget, bound, price)
    numbers.push(budget.limit, fixed, perOutput, scale, causeOf(budget))
  }
  return numbers
}

/** A call that ended, as it is counted again. */
export function countedOf({ hold, stored, settlement }: Ending): CountedCall {
  return { hold: toStored(stored, hold.expiresAt), settlement }
}

/** The text of the hold that is asked for. */
export function textOf({ call, bound, accounts }: ReserveRequest): string {
  const keys: AccountKey[] = []
  for (const { key } of accounts) keys.push(key)
  return holdText(call, bound, keys)
}

/** Amounts as a script replies with them. */
export function amountsOf(joined: string): readonly Amount[] {
  return joined === '' ? [] : joined.split(',').map(Number)
}

/** The account that a script found not to be open. */
export function unopenedOf(reply: readonly RedisReply[], refs: readonly AccountRef[]): AccountRef | undefined {
  return reply[0] === 'unopened' ? refs[Number(reply.at(-1))] : undefined
}

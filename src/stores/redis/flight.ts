import { type Amount, AMOUNT_MAX } from '../../domain/amount.ts'
import { amountFor, type CallBound, demandIn } from '../../domain/usage/bound.ts'
import type { Budget } from '../../domain/budgets/budget.ts'
import type { Call, Hold } from '../../domain/call.ts'
import type { AccountKey } from '../../domain/ids.ts'
import type { EpochMs } from '../../domain/instant.ts'
import type { AccountRef, ReserveRequest } from '../../engine/ports.ts'
import { costLine, holdText, type StoredHold } from './hold-text.ts'
import type { KnownHold } from './holds.ts'
import type { LeasedHold } from './leases.ts'
import type { RedisReply } from './redis-client.ts'
import { causeOf } from './reservations.ts'

/** What was decided of a call. */
interface Decided {
  readonly outputMax: number
  readonly outputRoom: number
  /** What it holds of this process's slices; absent: its hold stands in the store. */
  readonly leased?: LeasedHold
  /** What it holds where that is not all of its demand; absent: its demand for `outputMax`. */
  readonly amounts?: readonly Amount[] | undefined
  /** The text by which it was asked for; absent: it is made where it is needed. */
  readonly text?: string
  /** Let in while the store was away: it holds nothing there, and is counted when it has ended. */
  readonly isUncounted?: boolean
}

/** A call of this process that is in flight. What the store is not told of it is not written down. */
export class Flight implements KnownHold {
  readonly call: Call
  readonly bound: CallBound
  readonly refs: readonly AccountRef[]
  readonly isUncounted: boolean
  leased: LeasedHold | undefined
  #amounts: readonly Amount[]
  #outputMax: number
  readonly #outputRoom: number
  #expiresAt: EpochMs
  #text: string | undefined
  #hold: Hold | undefined

  constructor({ call, bound, accounts, expiresAt }: ReserveRequest, decided: Decided) {
    const { outputMax, outputRoom, leased, amounts, text, isUncounted = false } = decided
    this.call = call
    this.bound = bound
    this.refs = accounts
    this.isUncounted = isUncounted
    this.leased = leased
    this.#amounts = amounts ?? leased?.amounts ?? accounts.map(({ budget }) => amountFor(demandIn(budget, bound, call.price), outputMax))
    this.#outputMax = outputMax
    this.#outputRoom = outputRoom
    this.#expiresAt = expiresAt
    this.#text = text
  }

  /** Whether its hold may be raised. */
  get isRaisable(): boolean {
    return this.bound.outputExpected !== undefined
  }

  get hold(): Hold {
    return (this.#hold ??= this.#toHold())
  }

  get stored(): StoredHold {
    this.#text ??= textOf(this.call, this.bound, this.refs)
    return { outputMax: this.#outputMax, outputRoom: this.#outputRoom, amounts: this.#amounts, text: this.#text }
  }

  raise(outputMax: number, amounts: readonly Amount[]): void {
    this.#outputMax = outputMax
    this.#amounts = amounts
    this.#hold = undefined
  }

  renew(expiresAt: EpochMs): void {
    this.#expiresAt = expiresAt
    this.#hold = undefined
  }

  #toHold(): Hold {
    const { call, bound, refs } = this
    return {
      call,
      charges: refs.map(({ key }, i) => ({ account: key, amount: this.#amounts[i] ?? 0 })),
      input: bound.input,
      output: Math.min(this.#outputMax * bound.choices, AMOUNT_MAX),
      costNanoUsd: amountFor(costLine(call, bound), this.#outputMax),
      expiresAt: this.#expiresAt,
      isSpared: bound.outputExpected !== undefined && this.#outputRoom < bound.outputMax,
    }
  }
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

/** The text of the hold that is asked for. */
export function textOf(call: Call, bound: CallBound, accounts: readonly AccountRef[]): string {
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

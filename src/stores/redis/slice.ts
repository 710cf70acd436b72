import { type Account, openAccount } from '../../domain/accounts/account.ts'
import { type Amount, AMOUNT_MAX, plus } from '../../domain/amount.ts'
import type { Budget } from '../../domain/budgets/budget.ts'
import type { EpochMs } from '../../domain/instant.ts'
import type { AccountRef, Standing } from '../../engine/ports.ts'
import { toAccount } from './account-row.ts'
import type { RedisReply } from './redis-client.ts'

/** A slice is what was asked for between two looks, so many times. */
const AHEAD = 2

/** What is asked of the store for a slice, and how the slice stood then. */
export interface Wish {
  readonly numbers: readonly number[]
  readonly unsent: Amount
  readonly used: Amount
}

/**
 * A process's share of an account, by which it decides itself. As an account of the domain its limit is the slice as it was set
 * last; what calls used since, or the store had not been told by then, is used of it.
 */
export class Slice {
  ref: AccountRef
  readonly account: Account
  /** Until when this process may decide by it. */
  until: EpochMs = 0
  /** The slice was not granted: until then the store decides. */
  pausedUntil: EpochMs = 0
  /** What calls asked for since the last look, and before it. */
  #asked: Amount = 0
  #recent: Amount = 0
  /** What was used, and is not on its way to the store yet: the store has it in the slice still. */
  #unsent: Amount = 0
  /** The slice as the store set it last. */
  #granted: Amount = 0
  #standing: Standing

  constructor(ref: AccountRef) {
    this.ref = ref
    this.account = openAccount({ ...ref.budget, limit: 0 }, ref.each, ref.period)
    this.#standing = toAccount(ref, undefined)
  }

  /** As the store had it when the slice was set last. */
  get standing(): Standing {
    return this.#standing
  }

  /** True where there is nothing of it, and nobody asks for it. */
  get isIdle(): boolean {
    return this.#granted === 0 && this.account.held === 0 && this.#unsent === 0 && this.#asked === 0
  }

  /** The account's budget was edited. */
  adopt(ref: AccountRef): void {
    if (this.ref.budget === ref.budget) return
    this.ref = ref
    this.account.budget = { ...ref.budget, limit: this.account.budget.limit }
  }

  ask(amount: Amount): void {
    this.#asked = plus(this.#asked, amount)
  }

  /** A look: what was asked for before it is what is expected after it. */
  look(): void {
    this.#recent = this.#asked
    this.#asked = 0
  }

  /** A call used that much of it, of which the store hears with {@link send}. */
  use(amount: Amount): void {
    this.#unsent += amount
  }

  send(amount: Amount): void {
    this.#unsent -= amount
  }

  /** For the store: limit, 1 for a hard cap, the slice wanted, what of it must stay: calls are let in by it while the answer is on its way. */
  wish({ limit, isHardCap }: Budget): Wish {
    const least = this.account.held + this.#unsent
    const wanted = Math.min(least + AHEAD * Math.max(this.#asked, this.#recent), AMOUNT_MAX)
    this.#shrink(wanted)
    return {
      numbers: [limit, isHardCap ? 1 : 0, wanted, Math.max(least, this.#size)],
      unsent: this.#unsent,
      used: this.account.used,
    }
  }

  /**
   * The store's answer to a wish.
   * @returns false where it granted less than calls wait for
   */
  grant(reply: RedisReply | undefined, wish: Wish): boolean {
    const [amount = 0, sums, share = 0]: readonly RedisReply[] = Array.isArray(reply) ? reply : []
    this.#standing = toAccount(this.ref, sums)
    // What was used while the answer was on its way, and what had not been told before, has left the slice.
    this.#granted = Number(amount)
    this.#set(this.#granted, this.account.used - wish.used + wish.unsent)
    this.#shrink(Number(share))
    return Number(amount) >= (wish.numbers[2] ?? 0)
  }

  /** It is gone, with the store that held it. */
  drop(): void {
    this.until = 0
    this.#granted = 0
    this.#set(this.account.used, this.account.used)
  }

  /** What of it is not known to have left it. */
  get #size(): Amount {
    return this.account.budget.limit - this.account.used + this.#unsent
  }

  /** No more is let in by what goes beyond that size; the store has it back with the next wish. */
  #shrink(size: Amount): void {
    const excess = this.#size - Math.max(size, this.account.held + this.#unsent)
    if (excess > 0) this.#set(this.account.budget.limit - excess, this.account.used)
  }

  #set(limit: Amount, used: Amount): void {
    this.account.budget = { ...this.account.budget, limit }
    this.account.used = used
  }
}

import { type Account, openAccount } from '../../domain/account.ts'
import type { Amount } from '../../domain/amount.ts'
import type { Budget } from '../../domain/budget.ts'
import type { EpochMs } from '../../domain/instant.ts'
import type { AccountRef, Standing } from '../../engine/ports.ts'
import { toAccount } from './account-row.ts'
import type { RedisReply } from './redis-client.ts'

/** A slice is what was asked for between two looks, so many times. */
const AHEAD = 2

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
    const { budget, used, held } = this.account
    return budget.limit <= used && held === 0 && this.#unsent === 0 && this.#asked === 0
  }

  /** The account's budget was edited. */
  adopt(ref: AccountRef): void {
    if (this.ref.budget === ref.budget) return
    this.ref = ref
    this.account.budget = { ...ref.budget, limit: this.account.budget.limit }
  }

  ask(amount: Amount): void {
    this.#asked += amount
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

  /** For the store: limit, 1 for a hard cap, the slice wanted, the least of it. */
  wish({ limit, isHardCap }: Budget): { readonly numbers: readonly number[]; readonly unsent: Amount; readonly used: Amount } {
    const least = this.account.held + this.#unsent
    const wanted = least + AHEAD * Math.max(this.#asked, this.#recent)
    return {
      numbers: [limit, isHardCap ? 1 : 0, wanted, least],
      unsent: this.#unsent,
      used: this.account.used,
    }
  }

  /**
   * The store's answer to a wish.
   * @returns false where it granted less than calls wait for
   */
  grant(reply: RedisReply | undefined, wish: ReturnType<Slice['wish']>): boolean {
    const [amount = 0, sums]: readonly RedisReply[] = Array.isArray(reply) ? reply : []
    this.#standing = toAccount(this.ref, sums)
    // What was used while the answer was on its way, and what had not been told before, has left the slice.
    this.#set(Number(amount), this.account.used - wish.used + wish.unsent)
    return Number(amount) >= (wish.numbers[2] ?? 0)
  }

  /** It is gone, with the store that held it. */
  drop(): void {
    this.until = 0
    this.#set(this.account.used, this.account.used)
  }

  #set(limit: Amount, used: Amount): void {
    this.account.budget = { ...this.account.budget, limit }
    this.account.used = used
  }
}

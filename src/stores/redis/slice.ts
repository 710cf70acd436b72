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
 * A process's share of an account, by which it decides itself. As an account of the domain its limit is what is left of the
 * slice; what its calls used leaves it for good.
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

  get left(): Amount {
    return this.account.budget.limit
  }

  /** As the store had it when the slice was set last. */
  get standing(): Standing {
    return this.#standing
  }

  /** True where there is nothing of it, and nobody asks for it. */
  get isIdle(): boolean {
    return this.left === 0 && this.account.held === 0 && this.#unsent === 0 && this.#asked === 0
  }

  /** The account's budget was edited. */
  adopt(ref: AccountRef): void {
    if (this.ref.budget === ref.budget) return
    this.ref = ref
    this.account.budget = { ...ref.budget, limit: this.left }
  }

  ask(amount: Amount): void {
    this.#asked += amount
  }

  /** A look: what was asked for before it is what is expected after it. */
  look(): void {
    this.#recent = this.#asked
    this.#asked = 0
  }

  use(amount: Amount): void {
    this.#setLeft(Math.max(this.account.held, this.left - amount))
    this.#unsent += amount
  }

  send(amount: Amount): void {
    this.#unsent -= amount
  }

  /** For the store: limit, 1 for a hard cap, the slice wanted, the least of it. */
  wish({ limit, isHardCap }: Budget): { readonly numbers: readonly number[]; readonly unsent: Amount; readonly left: Amount } {
    const least = this.account.held + this.#unsent
    const wanted = least + AHEAD * Math.max(this.#asked, this.#recent)
    return {
      numbers: [limit, isHardCap ? 1 : 0, wanted, least],
      unsent: this.#unsent,
      left: this.left,
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
    const spent = wish.left - this.left + wish.unsent
    this.#setLeft(Math.max(this.account.held, Number(amount) - spent))
    return Number(amount) >= (wish.numbers[2] ?? 0)
  }

  /** It is gone, with the store that held it. */
  drop(): void {
    this.until = 0
    this.#setLeft(0)
  }

  #setLeft(limit: Amount): void {
    this.account.budget = { ...this.account.budget, limit }
  }
}

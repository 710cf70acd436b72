import { type Account, roomOf } from '../../domain/accounts/account.ts'
import { type Claim, raise, reserve, settle } from '../../domain/accounts/admission.ts'
import type { Amount } from '../../domain/amount.ts'
import { amountFor, demandIn, outputThatFits } from '../../domain/usage/bound.ts'
import type { AccountKey } from '../../domain/ids.ts'
import type { EpochMs } from '../../domain/instant.ts'
import { oneAtATime } from '../../engine/one-at-a-time.ts'
import type { AccountRef, Clock, ReserveRequest } from '../../engine/ports.ts'
import type { RedisAccounts } from './accounts.ts'
import type { RedisCatalog } from './catalog.ts'
import type { KeyNames } from './key-names.ts'
import { SCRIPTS } from './script.ts'
import type { Session, StepReply } from './session.ts'
import { Slice, type Wish } from './slice.ts'

export interface LeasesDeps {
  readonly session: Session
  readonly names: KeyNames
  readonly catalog: RedisCatalog
  readonly accounts: RedisAccounts
  readonly clock: Clock
}

/** How long the store keeps a slice for a process that it does not hear of. */
export const LEASE_MS = 10_000
/** So much earlier its process stops deciding by it: it reads its clock a little late, and the store a little early. */
const MARGIN_MS = 2000
/** After a slice was not granted, calls are decided in the store for so long before it is asked for again. */
const PAUSE_MS = 50

/** What a call may add to a slice. */
interface SliceClaim extends Claim {
  readonly slice: Slice
}

/** What a call holds of slices. */
export interface LeasedHold {
  /** The name of those slices' process. */
  readonly node: string
  readonly claims: readonly SliceClaim[]
  readonly outputRoom: number
  amounts: readonly Amount[]
  outputMax: number
}

/**
 * Slices of the accounts that carry so many calls that the store should not be asked for each of them. A slice is held in the
 * store before anything is decided by it, so that no process can pass a cap; a call counts in the slices of all of its accounts
 * in one step of this process, or it is decided in the store.
 */
export class Leases {
  readonly #deps: LeasesDeps
  readonly #slices = new Map<AccountKey, Slice>()
  #setting: Promise<void> | undefined
  #node: string
  #names = 1
  readonly #lapsed = new Set<string>()
  /**
   * Slices are set, and used or left, one after the other, each when the one before was answered: what the store has to be told again,
   * as a script that it had forgotten, would come after what was sent later, and the slice be too small for it.
   */
  readonly inTurn = oneAtATime()
  /** What is on its way out of slices: until the store has answered, it is unknown whether it is still in them. */
  readonly #leaving = new Set<LeasedHold>()

  constructor(deps: LeasesDeps) {
    this.#deps = deps
    this.#node = deps.session.node
  }

  /** By which the store knows this process's slices: another name once they are gone, so that none is taken for one of those before. */
  get node(): string {
    return this.#node
  }

  /**
   * Sets the call's whole bound aside in slices.
   * @returns undefined where it does not fit, and nothing is set aside: {@link enlarge} may help
   */
  reserve(request: ReserveRequest): LeasedHold | undefined {
    if (!isLeased(request.accounts)) return undefined
    const claims = this.#claimsOf(request)
    const output = request.bound.outputExpected ?? request.bound.outputMax
    for (const { slice, demand } of claims) slice.ask(amountFor(demand, output))
    return this.#tryReserve(claims, request)
  }

  /** As {@link reserve}, of larger slices. @returns undefined where the store has to decide */
  async enlarge(request: ReserveRequest): Promise<LeasedHold | undefined> {
    if (!isLeased(request.accounts)) return undefined
    const claims = this.#claimsOf(request)
    const now = this.#deps.clock.now()
    if (claims.some(({ slice }) => slice.pausedUntil > now) || this.#deps.session.trouble() !== undefined) return undefined
    await this.#setOnce()
    return this.#tryReserve(claims, request)
  }

  /** Slices are made large enough for a raise, as far as there is room and the store answers. @throws Failure store_unavailable */
  async makeRoom({ claims, amounts }: LeasedHold, outputMax: number): Promise<void> {
    let isShort = false
    for (const [i, { slice, account, demand }] of claims.entries()) {
      const more = amountFor(demand, outputMax) - (amounts[i] ?? 0)
      if (more <= roomOf(account)) continue
      slice.ask(more)
      isShort = true
    }
    if (!isShort || this.#deps.session.trouble() !== undefined) return
    await this.#setting
    await this.#setOnce()
  }

  /** As {@link raise} of the domain, within the slices, also of advisory budgets. @returns the maximum output that is covered now */
  raise(held: LeasedHold, outputMax: number): number {
    let to = outputMax
    for (const [i, { account, demand }] of held.claims.entries()) {
      to = Math.min(to, outputThatFits(demand, roomOf(account) + (held.amounts[i] ?? 0)))
    }
    const raised = raise(held.claims, held.amounts, { from: held.outputMax, to })
    held.amounts = raised.amounts
    held.outputMax = raised.outputMax
    return raised.outputMax
  }

  /**
   * The call has ended, and used that much; the store hears of it with {@link send}.
   * @returns the largest overrun
   */
  settle({ claims, amounts }: LeasedHold, used: readonly Amount[]): Amount {
    const overrun = settle(accountsOf(claims), amounts, used)
    for (let i = 0; i < claims.length; i++) claims[i]?.slice.use(used[i] ?? 0)
    return overrun
  }

  /** The call holds nothing of slices any more, and used nothing of them. */
  leave({ claims, amounts }: LeasedHold): void {
    settle(
      accountsOf(claims),
      amounts,
      amounts.map(() => 0),
    )
  }

  /** Gives up what the call holds of slices, since the store is asked to hold it. Until {@link left}, no slice is set: it may still be in it. */
  startLeaving(held: LeasedHold): void {
    this.settle(held, held.amounts)
    this.send(held, held.amounts)
    this.#leaving.add(held)
  }

  left(held: LeasedHold): void {
    this.#leaving.delete(held)
  }

  /** What was used is on its way to the store. */
  send({ claims }: LeasedHold, used: readonly Amount[]): void {
    for (const [i, { slice }] of claims.entries()) slice.send(used[i] ?? 0)
  }

  /** Renews slices and gives back what is not needed. @throws Failure store_unavailable */
  async tend(): Promise<void> {
    if (this.#slices.size === 0) return
    await this.#setOnce()
    for (const [key, slice] of this.#slices) {
      if (slice.isIdle) this.#slices.delete(key)
      slice.look()
    }
  }

  /** All that no call in flight needs; at the end of the process. @throws Failure store_unavailable: then it comes back by its time */
  async giveBack(): Promise<void> {
    if (this.#slices.size === 0) return
    for (const slice of this.#slices.values()) {
      slice.look()
      slice.look()
    }
    await this.#setOnce()
  }

  /** They are gone, as where the store was made anew. */
  drop(): void {
    for (const slice of this.#slices.values()) slice.drop()
    this.#slices.clear()
    this.#leaving.clear()
    this.#node = `${this.#deps.session.node}_${++this.#names}`
  }

  /** The slices of that name were charged, since nothing was heard of this process for so long, and with them all that it let in. */
  lapse(node: string): void {
    this.#lapsed.add(node)
    if (node === this.#node) this.drop()
  }

  /** Whether what it holds was charged with its slices. */
  hasLapsed({ node }: LeasedHold): boolean {
    return this.#lapsed.has(node)
  }

  #sliceOf(ref: AccountRef): Slice {
    const known = this.#slices.get(ref.key)
    if (known !== undefined) {
      known.adopt(ref)
      return known
    }
    const slice = new Slice(ref)
    this.#slices.set(ref.key, slice)
    return slice
  }

  #claimsOf({ accounts, bound, call }: ReserveRequest): readonly SliceClaim[] {
    return accounts.map((ref) => {
      const slice = this.#sliceOf(ref)
      return { slice, account: slice.account, demand: demandIn(ref.budget, bound, call.price) }
    })
  }

  /** The whole bound or nothing: a call is not clamped because a slice is small. */
  #tryReserve(claims: readonly SliceClaim[], { bound }: ReserveRequest): LeasedHold | undefined {
    const now = this.#deps.clock.now()
    for (const { slice } of claims) if (slice.until <= now) return undefined
    const admission = reserve(claims, { ...bound, outputMin: bound.outputExpected ?? bound.outputMax })
    if (admission.kind === 'refused') return undefined
    const { amounts, outputMax, outputRoom } = admission
    const held = { node: this.#node, claims, amounts, outputMax, outputRoom }
    if (this.#isWithin(held)) return held
    this.leave(held)
    return undefined
  }

  /** An advisory budget lets in what goes beyond its slice too, and the store would not know of it if this process died. */
  #isWithin({ claims, amounts }: LeasedHold): boolean {
    let isWithin = true
    for (let i = 0; i < claims.length; i++) {
      const claim = claims[i]
      if (claim === undefined || claim.account.budget.isHardCap || roomOf(claim.account) >= 0) continue
      claim.slice.ask(amounts[i] ?? 0)
      isWithin = false
    }
    return isWithin
  }

  async #setOnce(): Promise<void> {
    this.#setting ??= this.inTurn(() => this.#set()).finally(() => {
      this.#setting = undefined
    })
    await this.#setting
  }

  /** Sets all slices anew, in one step of the store. */
  async #set(): Promise<void> {
    if (this.#leaving.size > 0) return
    const { session, names, clock, catalog, accounts } = this.#deps
    const slices = [...this.#slices.values()]
    for (;;) {
      const now = clock.now()
      const node = this.#node
      const wishes = slices.map((slice) => slice.wish(catalog.known(slice.ref.budget.id) ?? slice.ref.budget))
      const keys = [names.leases, names.alive, names.lapsed, ...slices.map(({ ref }) => names.account(ref.key))]
      const numbers = [now, now + LEASE_MS, ...wishes.flatMap((wish) => wish.numbers)]
      const reply = await session.step(SCRIPTS.lease, keys, { numbers, texts: [node] })
      if (reply[0] === 'lapsed') return this.lapse(node)
      // Of slices that are gone meanwhile it says nothing.
      if (node !== this.#node) return
      const unopened = reply[0] === 'unopened' ? slices[Number(reply[2])] : undefined
      if (unopened !== undefined && (await accounts.tryOpen(unopened.ref, session.version))) continue
      for (const [i, slice] of slices.entries()) this.#adopt(slice, wishes[i], { reply, i, at: now })
      return
    }
  }

  /** What the store says of a slice that was wished for at that instant. */
  #adopt(
    slice: Slice,
    wish: Wish | undefined,
    { reply, i, at }: { readonly reply: StepReply; readonly i: number; readonly at: EpochMs },
  ): void {
    const isGranted = reply[0] === 'leased' && wish !== undefined && slice.grant(reply[i + 2], wish)
    if (reply[0] === 'leased') slice.until = at + LEASE_MS - MARGIN_MS
    if (!isGranted) slice.pausedUntil = at + PAUSE_MS
  }
}

/** Whether all budgets of a call are leased: otherwise the store is asked anyway. */
function isLeased(accounts: readonly AccountRef[]): boolean {
  for (const { budget } of accounts) if (budget.enforcement !== 'leased') return false
  return accounts.length > 0
}

function accountsOf(claims: readonly SliceClaim[]): readonly Account[] {
  return claims.map(({ account }) => account)
}

import type { CallId } from '../../domain/ids.ts'
import type { EpochMs } from '../../domain/instant.ts'
import type { AccountRef, Clock } from '../../engine/ports.ts'
import { billOf, settlementOf } from '../bill.ts'
import type { RedisAccounts } from './accounts.ts'
import { type Flight, unopenedOf } from './flight.ts'
import { storedHold, toStored } from './hold-text.ts'
import type { KnownHold } from './holds.ts'
import type { KeyNames } from './key-names.ts'
import type { LeasedHold, Leases } from './leases.ts'
import type { Recount } from './recount.ts'
import { SCRIPTS } from './script.ts'
import type { Session } from './session.ts'
import { toEntryText } from './stream-entry.ts'
import { countedOf } from './unconfirmed.ts'

export interface OwnHoldsDeps {
  readonly session: Pick<Session, 'step'>
  readonly names: KeyNames
  readonly accounts: Pick<RedisAccounts, 'open'>
  readonly leases: Leases
  readonly recount: Pick<Recount, 'later' | 'moved'>
  readonly clock: Clock
}

/** The holds of this process's calls, where the store does not have them: it knows them as slices, or has never heard of them, or has lost them. */
export class OwnHolds {
  readonly #deps: OwnHoldsDeps

  constructor(deps: OwnHoldsDeps) {
    this.#deps = deps
  }

  /**
   * Sees to it that a call has a hold of its own in the store, by which any process may settle it. False where it has ended.
   * @param isAgain it was asked for before, and may be done, or lost since
   * @throws Failure store_unavailable: it is to be asked for again
   */
  async ensure(flight: Flight, isAgain: boolean): Promise<boolean> {
    if (flight.leased !== undefined) return this.#leaveSlices(flight, flight.leased, isAgain)
    if (!isAgain && !flight.isUncounted) return true
    // What it was let in by without the store may be an account that was closed before.
    const became = await this.assert(flight, flight.isUncounted ? [] : flight.refs)
    return became === 'unopened' ? this.#move(flight) : became === 'held'
  }

  /** `unopened`: one of its accounts was closed meanwhile, so it holds nothing any more, and counts in the next when it ends. */
  async assert({ hold, stored }: KnownHold, refs: readonly AccountRef[]): Promise<'held' | 'ended' | 'unopened'> {
    const { session, names, accounts } = this.#deps
    const keys = [names.holds, names.charged, names.stream, ...hold.charges.map(({ account }) => names.account(account))]
    for (;;) {
      const reply = await session.step(SCRIPTS.assert, keys, {
        numbers: stored.amounts,
        texts: [hold.call.id, toStored(stored, hold.expiresAt)],
      })
      if (reply[0] !== 'unopened') return reply[0] === 'held' ? 'held' : 'ended'
      const unopened = unopenedOf(reply, refs)
      if (unopened === undefined || !(await accounts.open(unopened))) return 'unopened'
    }
  }

  /**
   * Moves the instant at which a hold in the store expires, and leaves its call to a job of its provider where one is named.
   * @returns the entry of the stream that says so; undefined where there is no such hold
   * @throws Failure store_unavailable
   */
  async moveExpiry(call: CallId, expiresAt: EpochMs, job?: string): Promise<string | undefined> {
    const { session, names } = this.#deps
    const text = toEntryText(job === undefined ? { kind: 'renewed', call, expiresAt } : { kind: 'deferred', call, job, expiresAt })
    const keys = [names.holds, names.jobs, names.stream]
    const [kind, , id] = await session.step(SCRIPTS.renew, keys, { numbers: [expiresAt], texts: [call, text, job ?? ''] })
    return kind === 'renewed' ? String(id) : undefined
  }

  async #leaveSlices(flight: Flight, leased: LeasedHold, isAgain: boolean): Promise<boolean> {
    const { session, names, accounts, leases } = this.#deps
    const { call, hold, stored, refs } = flight
    const keys = [names.leases, names.holds, names.stream, names.lapsed, names.charged, ...refs.map(({ key }) => names.account(key))]
    if (!isAgain) leases.startLeaving(leased)
    for (;;) {
      const args = { numbers: stored.amounts, texts: [leased.node, call.id, toStored(stored, hold.expiresAt)] }
      const reply = await leases.inTurn(() => session.step(SCRIPTS.unlease, keys, args))
      const unopened = unopenedOf(reply, refs)
      if (unopened !== undefined && (await accounts.open(unopened))) continue
      leases.left(leased)
      if (reply[0] === 'lapsed') await this.#endLapsed(flight, leased)
      return unopened === undefined ? reply[0] === 'held' : this.#move(flight)
    }
  }

  /** The call was charged with its slices: of what it will use nothing more is counted. */
  #endLapsed({ hold }: Flight, { node }: LeasedHold): Promise<void> {
    const { leases, recount, clock } = this.#deps
    leases.lapse(node)
    const settlement = settlementOf({ call: hold.call.id, endedAt: clock.now(), ending: 'lost' }, billOf(hold, [], 'held'), 0)
    return recount.later({ ...countedOf({ hold, settlement }), slicesOf: node })
  }

  /** Into the accounts that follow those which were closed before the store knew of the call. */
  async #move({ hold: before }: Flight): Promise<boolean> {
    for (;;) {
      const hold = await this.#deps.recount.moved(before)
      const became = await this.assert({ hold, stored: storedHold(hold) }, [])
      if (became !== 'unopened') return became === 'held'
    }
  }
}

import { tightestFirst } from '../../domain/accounts/admission.ts'
import type { Amount } from '../../domain/amount.ts'
import type { Budget } from '../../domain/budgets/budget.ts'
import { type EndedCall, endedCall, type Hold, oldestFirst, type OpenHold } from '../../domain/call.ts'
import type { Close } from '../../domain/accounts/close.ts'
import { assert } from '../../domain/defect.ts'
import { type AccountKey, type CallId, toBudgetId } from '../../domain/ids.ts'
import type { EpochMs } from '../../domain/instant.ts'
import { CallMap } from '../../engine/call-map.ts'
import { Failure } from '../../engine/failure.ts'
import type { AccountRef, Clock, Counters, ReserveOutcome, ReserveRequest, SettleRequest, Standing } from '../../engine/ports.ts'
import { billOf, overrunOf, settlementOf } from '../bill.ts'
import { partsOf, toAccount } from './account-row.ts'
import type { RedisAccounts } from './accounts.ts'
import type { RedisCatalog } from './catalog.ts'
import { budgetNow, type Commits } from './commits.ts'
import type { Crossings } from './crossings.ts'
import { Deferrals } from './deferrals.ts'
import { Flight, amountsOf, demandsOf, textOf, unopenedOf } from './flight.ts'
import { costLine } from './hold-text.ts'
import type { KnownHold, RedisHolds } from './holds.ts'
import type { Lapses } from './lapses.ts'
import type { LeasedHold, Leases } from './leases.ts'
import type { KeyNames } from './key-names.ts'
import type { Recount } from './recount.ts'
import { textsOf } from './redis-client.ts'
import { SCRIPTS } from './script.ts'
import { OwnHolds } from './own-holds.ts'
import type { Reservations, Reserved } from './reservations.ts'
import type { Ended, Ending, Settlements } from './settlements.ts'
import type { Session, StepReply } from './session.ts'
import { countedOf, type Unconfirmed } from './unconfirmed.ts'

export interface RedisCountersDeps {
  readonly session: Session
  readonly names: KeyNames
  readonly catalog: RedisCatalog
  readonly accounts: RedisAccounts
  readonly holds: RedisHolds
  readonly reservations: Reservations
  readonly settlements: Settlements
  readonly commits: Commits
  readonly leases: Leases
  readonly lapses: Lapses
  readonly crossings: Crossings
  readonly recount: Recount
  readonly unconfirmed: Unconfirmed
  readonly clock: Clock
  /** Whether a call under a hard cap is refused or let in while the store is away. */
  readonly onStoreDown: 'refuse' | 'admit'
}

/** A call that holds something in the store. */
interface HeldInStore extends Pick<Reserved, 'standings'> {
  readonly outputMax: number
  readonly outputRoom: number
  /** What it holds; undefined: its demand for `outputMax`. */
  readonly amounts: readonly Amount[] | undefined
}

/** Counters that many processes share: every transition is one script over all accounts of the call, in one round trip. */
export class RedisCounters implements Counters {
  readonly isShared = true
  readonly #deps: RedisCountersDeps
  readonly #flights = new CallMap<Flight>()
  readonly #ownHolds: OwnHolds
  readonly #deferrals: Deferrals
  /** Calls of which it is unknown whether they hold something: refused, so they must not. */
  readonly #doubtful = new Set<CallId>()
  /** The store was made anew just now. */
  #isGrace = false

  constructor(deps: RedisCountersDeps) {
    this.#deps = deps
    this.#ownHolds = new OwnHolds(deps)
    this.#deferrals = new Deferrals(this.#ownHolds)
  }

  async reserve(request: ReserveRequest): Promise<ReserveOutcome> {
    const { leases } = this.#deps
    try {
      const leased = leases.reserve(request) ?? (await leases.enlarge(request))
      return leased === undefined ? await this.#reserve(request) : this.#heldLeased(request, leased)
    } catch (error) {
      if (!isAway(error) || this.#mustBeCounted(request)) throw error
      return this.#admitUncounted(request)
    }
  }

  settle(request: SettleRequest): Promise<EndedCall | undefined> {
    const flight = this.#flights.take(request.call)
    return flight?.leased === undefined ? this.#settle(flight, request) : this.#settleLeased(flight, flight.leased, request)
  }

  async #settleLeased(flight: Flight, leased: LeasedHold, request: SettleRequest): Promise<EndedCall> {
    const { hold } = flight
    const bill = billOf(hold, this.#budgetsNow(flight), request.usage)
    const overrun = this.#deps.leases.settle(leased, bill.amounts)
    const settlement = settlementOf(request, bill, overrun)
    await this.#deps.commits.end({ hold, settlement, leased })
    return endedCall(hold, settlement, bill.tokens)
  }

  async #settle(flight: Flight | undefined, request: SettleRequest): Promise<EndedCall | undefined> {
    const { call } = request
    if (flight === undefined && this.#deps.recount.isWaiting(call)) return undefined
    let known: KnownHold | undefined = flight ?? (await this.#deps.holds.find(call))
    while (known !== undefined) {
      const end = await this.#endingOf(known, flight, request)
      const outcome = flight?.isUncounted === true ? await this.#countLater(end) : await this.#end(end, flight)
      if (outcome === 'ended') return endedCall(end.hold, end.settlement)
      // Its hold is gone: another process ended it, or the store lost it and this process has not put it back yet.
      if (outcome === 'unknown' && flight !== undefined) await this.#countLater(end)
      // Other amounts are held than this process knows: an answer to a raise was lost.
      const found = outcome === 'changed' ? await this.#foundAgain(end, flight) : undefined
      if (found === 'later') return endedCall(end.hold, end.settlement)
      known = found
    }
    return undefined
  }

  /** Its hold as it is now; of a call of this process nobody else would tell how it ended, so it is counted later where the store is away. */
  async #foundAgain(end: Ending, flight: Flight | undefined): Promise<KnownHold | 'later' | undefined> {
    try {
      return await this.#deps.holds.find(end.hold.call.id)
    } catch (error) {
      if (flight === undefined || !isAway(error)) throw error
      await this.#countLater(end)
      return 'later'
    }
  }

  async #endingOf({ hold, stored }: KnownHold, flight: Flight | undefined, request: SettleRequest): Promise<Ending> {
    const budgets = flight === undefined ? await this.#budgetsOf(hold) : this.#budgetsNow(flight)
    const bill = billOf(hold, budgets, request.usage)
    const settlement = settlementOf(request, bill, overrunOf(hold, bill.amounts))
    return { hold, stored, budgets, settlement, isRemembered: flight === undefined || this.#isGrace }
  }

  async raise(call: CallId, outputMax: number): Promise<number> {
    const flight = this.#flights.get(call)
    if (flight?.isRaisable !== true) return 0
    if (flight.isUncounted) return outputMax
    if (flight.leased !== undefined) return this.#raiseLeased(flight, flight.leased, outputMax)
    const { bound } = flight
    const { names, session, catalog } = this.#deps
    const cost = costLine(flight.call, bound)
    const keys = [names.holds, names.stream, ...this.#keysOf(flight.refs)]
    for (;;) {
      const demands = demandsOf(this.#budgetsNow(flight), bound, flight.call.price)
      const numbers = [outputMax, bound.choices, cost.fixed, cost.perOutput, cost.scale, ...demands]
      const reply = await session.step(SCRIPTS.raise, keys, { numbers, texts: [call] })
      if (reply[0] === 'outdated') await catalog.read()
      else if (reply[0] === 'raised') return this.#raised(flight, reply)
      else return reply[0] === 'unknown' ? 0 : flight.stored.outputMax
    }
  }

  async #raiseLeased(flight: Flight, leased: LeasedHold, outputMax: number): Promise<number> {
    try {
      await this.#deps.leases.makeRoom(leased, outputMax)
    } catch (error) {
      if (!isAway(error)) throw error
    }
    // It may have ended meanwhile, or got a hold of its own.
    if (this.#flights.get(flight.call.id) !== flight || flight.leased !== leased) return flight.stored.outputMax
    const covered = this.#deps.leases.raise(leased, outputMax)
    flight.raise(covered, leased.amounts)
    return covered
  }

  #raised(flight: Flight, reply: StepReply): number {
    const outputMax = Number(reply[2])
    flight.raise(outputMax, amountsOf(String(reply[3])))
    return outputMax
  }

  async renew(call: CallId, expiresAt: EpochMs): Promise<void> {
    const flight = this.#flights.get(call)
    flight?.renew(expiresAt)
    if (flight?.isUncounted === true || flight?.leased !== undefined) return
    await this.#ownHolds.moveExpiry(call, expiresAt)
  }

  /** Resolves once the store knows, or it is kept to be told later: the provider works on in any case. */
  async defer(call: CallId, job: string, expiresAt: EpochMs): Promise<void> {
    // From now on it is any process's to settle.
    const flight = this.#flights.take(call)
    try {
      if (flight === undefined) await this.#ownHolds.moveExpiry(call, expiresAt, job)
      else await this.#deferrals.add(flight, job, expiresAt)
    } catch (error) {
      if (flight === undefined || !isAway(error)) throw error
    }
  }

  /** Tells the store of what was left to providers while it was away. @throws Failure store_unavailable */
  tellDeferred(): Promise<void> {
    return this.#deferrals.tell()
  }

  async holds(): Promise<readonly OpenHold[]> {
    const leased = [...this.#flights].flatMap(([, { hold, leased }]) => (leased === undefined ? [] : [hold]))
    return oldestFirst([...(await this.#deps.holds.all()), ...leased])
  }

  async expired(at: EpochMs): Promise<readonly CallId[]> {
    return this.#mayBeUntold ? [] : this.#deps.holds.expired(at)
  }

  /** Who is alive may not have put back, or renewed, or told yet what there was to tell while the store was away. */
  get #mayBeUntold(): boolean {
    return this.#isGrace || !this.#deps.session.isSettled()
  }

  standings(): Promise<readonly Standing[]> {
    return this.#deps.accounts.standings()
  }

  ended(at: EpochMs): Promise<readonly Standing[]> {
    return this.#deps.accounts.ended(at)
  }

  async open(ref: AccountRef): Promise<void> {
    await this.#deps.accounts.open(ref)
  }

  cut(key: AccountKey, endsAt: EpochMs): Promise<void> {
    return this.#deps.accounts.cut(key, endsAt)
  }

  close(key: AccountKey, closedAt: EpochMs): Promise<Close | undefined> {
    return this.#deps.accounts.close(key, closedAt)
  }

  async tend(): Promise<void> {
    const { session, recount, crossings, leases, lapses, names, unconfirmed } = this.#deps
    await session.verify()
    const [stream, drained, openAt] = textsOf(await session.ask('HMGET', names.about, 'stream', 'drained', 'openAt'))
    // Of another stream it says nothing about what this process wrote.
    if (stream === session.epoch && drained !== undefined && drained !== '') {
      unconfirmed.confirm(drained)
      this.#deferrals.confirm(drained)
    }
    this.#isGrace = Number(openAt) > 0
    if (this.#isGrace) await session.reopen()
    await crossings.judge()
    await this.#deferrals.tell()
    await leases.tend()
    if (!this.#mayBeUntold) await lapses.end()
    await recount.replay()
    for (const call of this.#doubtful) {
      await this.settle({ call, endedAt: this.#deps.clock.now(), ending: 'upstream_unreachable', usage: { kind: 'none' } })
      this.#doubtful.delete(call)
    }
  }

  /** The store was made anew, and what it says of its stream is not of the one before: to be called at once, before {@link assertHolds}. */
  forgetStream(): void {
    this.#deferrals.forget()
  }

  /** Puts back the holds of this process's calls after the store was made anew. */
  async assertHolds(): Promise<void> {
    this.#deps.leases.drop()
    this.#isGrace = true
    const calls = [...this.#flights].flatMap(([call, { isUncounted }]) => (isUncounted ? [] : [call]))
    const known = await this.#deps.recount.known([...calls, ...this.#deferrals.calls()])
    await this.#deferrals.putBack((call) => known.get(call) === 'ended')
    for (const call of calls) {
      const flight = this.#flights.get(call)
      if (flight === undefined || known.get(call) === 'ended') continue
      const { leased } = flight
      if (leased !== undefined && this.#deps.leases.hasLapsed(leased)) continue
      if (leased !== undefined) this.#deps.leases.leave(leased)
      flight.leased = undefined
      await this.#ownHolds.assert(flight, flight.refs)
    }
  }

  async #reserve(request: ReserveRequest): Promise<ReserveOutcome> {
    const { accounts, version } = request
    const text = textOf(request.call, request.bound, accounts)
    for (;;) {
      const { reply, standings } = await this.#reserveOrDoubt(request, text)
      if (reply[0] === 'held') return this.#held(request, text, heldOf(reply, standings))
      if (reply[0] === 'refused') return this.#refused(request, reply)
      if (reply[0] === 'outdated') return { kind: 'outdated' }
      if (reply[0] === 'closed') throw new Failure('store_unavailable', 'the counters are being made again from the ledger: retry')
      const unopened = unopenedOf(reply, accounts)
      assert(unopened !== undefined, 'a bound is an amount')
      if (!(await this.#deps.accounts.tryOpen(unopened, version))) return { kind: 'outdated' }
    }
  }

  /** Where the answer is lost, what the call may hold is given back as soon as the store is there again. */
  async #reserveOrDoubt(request: ReserveRequest, text: string): Promise<Reserved> {
    const wasAway = this.#deps.session.trouble() !== undefined
    try {
      return await this.#deps.reservations.reserve(request, text)
    } catch (error) {
      if (!wasAway) this.#doubtful.add(request.call.id)
      throw error
    }
  }

  #held(request: ReserveRequest, text: string, reserved: HeldInStore): ReserveOutcome {
    const { outputMax, outputRoom, amounts, standings } = reserved
    this.#flights.set(request.call.id, new Flight(request, { outputMax, outputRoom, amounts, text }))
    return { kind: 'held', outputMax, outputRoom, standings: standings() }
  }

  #heldLeased(request: ReserveRequest, leased: LeasedHold): ReserveOutcome {
    const { outputMax, outputRoom, claims } = leased
    this.#flights.set(request.call.id, new Flight(request, { outputMax, outputRoom, leased }))
    return { kind: 'held', outputMax, outputRoom, standings: claims.map(({ slice }) => slice.standing) }
  }

  #refused({ accounts }: ReserveRequest, [, isBlockedByHolds, ...facts]: Reserved['reply']): ReserveOutcome {
    const tight = accounts.flatMap((ref, i) => (Number(facts[i * 2]) > 0 ? [toAccount(ref, facts[i * 2 + 1])] : []))
    return { kind: 'refused', standings: tightestFirst(tight), isBlockedByHolds: isBlockedByHolds === 1 }
  }

  #mustBeCounted({ accounts }: ReserveRequest): boolean {
    return this.#deps.onStoreDown === 'refuse' && accounts.some(({ budget }) => budget.isHardCap)
  }

  #admitUncounted(request: ReserveRequest): ReserveOutcome {
    const { call, bound, accounts } = request
    this.#doubtful.delete(call.id)
    const { outputMax } = bound
    this.#flights.set(call.id, new Flight(request, { outputMax, outputRoom: outputMax, isUncounted: true }))
    return { kind: 'held', outputMax, outputRoom: outputMax, standings: accounts.map((ref) => toAccount(ref, undefined)) }
  }

  async #end(ending: Ending, flight: Flight | undefined): Promise<Ended['kind']> {
    try {
      const ended = await this.#deps.settlements.end(ending)
      if (ended.kind === 'unopened') return this.#countLater(ending)
      if (ended.kind === 'ended') this.#deps.unconfirmed.add(ended.id, { kind: 'call', counted: countedOf(ending) })
      return ended.kind
    } catch (error) {
      // A call that is not in flight here has its hold in the store: whoever finds it there ends it.
      if (flight === undefined || !isAway(error)) throw error
      // Whether it was done is unknown: it is looked up before it is done again.
      return this.#countLater(ending)
    }
  }

  async #countLater(ending: Ending): Promise<'ended'> {
    await this.#deps.recount.later(countedOf(ending))
    return 'ended'
  }

  #budgetsNow({ refs }: Flight): readonly Budget[] {
    return refs.map(({ budget }) => budgetNow(this.#deps.catalog.known(budget.id), budget))
  }

  /** Those of a call that another process admitted. */
  async #budgetsOf({ charges }: Hold): Promise<readonly Budget[]> {
    const budgets: Budget[] = []
    for (const { account } of charges) {
      const budget = await this.#deps.catalog.budget(toBudgetId(partsOf(account).budget))
      assert(budget !== undefined, `the budget of the account ${account} is known`)
      budgets.push(budget)
    }
    return budgets
  }

  #keysOf(refs: readonly AccountRef[]): readonly string[] {
    const keys: string[] = []
    for (const { key } of refs) keys.push(this.#deps.names.account(key))
    return keys
  }
}

function heldOf(reply: Reserved['reply'], standings: Reserved['standings']): HeldInStore {
  const [, outputMax, outputRoom, amounts] = reply
  return {
    outputMax: Number(outputMax),
    outputRoom: Number(outputRoom),
    amounts: typeof amounts === 'string' ? amountsOf(amounts) : undefined,
    standings,
  }
}

function isAway(error: unknown): error is Failure {
  return error instanceof Failure && error.code === 'store_unavailable'
}

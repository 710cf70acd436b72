import { tightestFirst } from '../../domain/admission.ts'
import type { Amount } from '../../domain/amount.ts'
import { amountFor, type CallBound, demandIn } from '../../domain/bound.ts'
import type { Budget } from '../../domain/budget.ts'
import { type EndedCall, endedCall, type Hold, type OpenHold, type Settlement } from '../../domain/call.ts'
import type { Close } from '../../domain/close.ts'
import { assert } from '../../domain/defect.ts'
import { type AccountKey, type CallId, parseAccountKey, toBudgetId, toCallId } from '../../domain/ids.ts'
import type { EpochMs } from '../../domain/instant.ts'
import { Failure } from '../../engine/failure.ts'
import type { AccountRef, Clock, Counters, ReserveOutcome, ReserveRequest, SettleRequest, Standing } from '../../engine/ports.ts'
import { billOf, overrunOf } from '../bill.ts'
import { fromFace, partsOf, SUM_FIELDS, toAccount, toFace } from './account-row.ts'
import type { RedisCatalog } from './catalog.ts'
import type { Crossings } from './crossings.ts'
import { costLine, fromStored, holdText, type StoredHold, toHold, toStored } from './hold-text.ts'
import type { KeyNames } from './key-names.ts'
import type { Recount } from './recount.ts'
import { pairsOf, type RedisReply, textsOf } from './redis-client.ts'
import { SCRIPTS } from './script.ts'
import { type KnownHold, settleStep } from './settle-step.ts'
import type { Session, StepReply } from './session.ts'
import { toEntryText } from './stream-entry.ts'
import type { Unconfirmed } from './unconfirmed.ts'

export interface RedisCountersDeps {
  readonly session: Session
  readonly names: KeyNames
  readonly catalog: RedisCatalog
  readonly crossings: Crossings
  readonly recount: Recount
  readonly unconfirmed: Unconfirmed
  readonly clock: Clock
  /** Whether a call under a hard cap is refused or let in while the store is away. */
  readonly onStoreDown: 'refuse' | 'admit'
}

/** A call of this process that is in flight. */
interface Flight {
  hold: Hold
  stored: StoredHold
  readonly refs: readonly AccountRef[]
  /** By what its hold may be raised; absent: it may not. */
  readonly bound?: CallBound
  /** Let in while the store was away: it holds nothing there, and is counted when it has ended. */
  readonly isUncounted: boolean
}

/** How a call ends. */
interface Ending {
  readonly budgets: readonly Budget[]
  readonly settlement: Settlement
  readonly isUncounted: boolean
}

/** What a refusal's reply has for each account: tight or exhausted, alerted now, the sums. */
const REFUSED_FIELDS = 2 + SUM_FIELDS.length

/** Counters that many processes share: every transition is one script over all accounts of the call, in one round trip. */
export class RedisCounters implements Counters {
  readonly isShared = true
  readonly #deps: RedisCountersDeps
  readonly #flights = new Map<CallId, Flight>()
  /** Calls of which it is unknown whether they hold something: refused, so they must not. */
  readonly #doubtful = new Set<CallId>()

  constructor(deps: RedisCountersDeps) {
    this.#deps = deps
  }

  async reserve(request: ReserveRequest): Promise<ReserveOutcome> {
    try {
      return await this.#reserve(request)
    } catch (error) {
      if (!isAway(error) || this.#mustBeCounted(request)) throw error
      return this.#admitUncounted(request)
    }
  }

  async settle(request: SettleRequest): Promise<EndedCall | undefined> {
    const flight = this.#flights.get(request.call)
    this.#flights.delete(request.call)
    let known: KnownHold | undefined = flight ?? (await this.#storedHold(request.call))
    while (known !== undefined) {
      const { hold } = known
      const budgets = await this.#budgetsOf(hold, flight)
      const bill = billOf(hold, budgets, request.usage)
      const { call, endedAt, ending, status } = request
      const settlement: Settlement = { call, endedAt, ending, status, ...bill, overrun: overrunOf(hold, bill.amounts) }
      const outcome = await this.#end(known, { budgets, settlement, isUncounted: flight?.isUncounted === true })
      if (outcome === 'ended') return endedCall(hold, settlement)
      // Other amounts are held than this process knows: an answer to a raise was lost.
      known = outcome === 'changed' ? await this.#storedHold(call) : undefined
    }
    return undefined
  }

  async raise(call: CallId, outputMax: number): Promise<number> {
    const flight = this.#flights.get(call)
    if (flight?.bound === undefined) return 0
    if (flight.isUncounted) return outputMax
    const { bound, refs, stored, hold } = flight
    const { names, session } = this.#deps
    const cost = costLine(hold.call, bound)
    const reply = await session.step(
      SCRIPTS.raise,
      [names.holds, names.stream, ...this.#keysOf(refs)],
      [call, outputMax, bound.choices, cost.fixed, cost.perOutput, cost.scale, ...claimArgs(refs, bound, hold.call.price)],
    )
    if (reply[0] !== 'raised') return reply[0] === 'unknown' ? 0 : stored.outputMax
    flight.stored = { ...stored, outputMax: Number(reply[2]), amounts: amountsOf(String(reply[3])) }
    flight.hold = toHold(flight.stored, hold.expiresAt)
    return flight.stored.outputMax
  }

  async renew(call: CallId, expiresAt: EpochMs): Promise<void> {
    if (this.#flights.get(call)?.isUncounted === true) return
    await this.#moveExpiry(call, { expiresAt, job: '', text: toEntryText({ kind: 'renewed', call, expiresAt }) })
  }

  async defer(call: CallId, job: string, expiresAt: EpochMs): Promise<void> {
    await this.#moveExpiry(call, { expiresAt, job, text: toEntryText({ kind: 'deferred', call, job, expiresAt }) })
    // From now on it is any process's to settle.
    this.#flights.delete(call)
  }

  async holds(): Promise<readonly OpenHold[]> {
    const { session, names } = this.#deps
    const [stored, expiries, jobs] = await Promise.all([
      session.ask('HGETALL', names.holds).then(pairsOf),
      session.ask('ZRANGE', names.expiry, 0, -1, 'WITHSCORES').then(pairsOf),
      session.ask('HGETALL', names.jobs).then(pairsOf),
    ])
    const holds = [...stored].map(([call, text]): OpenHold => {
      const hold = toHold(fromStored(text), Number(expiries.get(call) ?? 0))
      const job = jobs.get(call)
      return job === undefined ? hold : { ...hold, job }
    })
    return holds.toSorted((a, b) => a.call.admittedAt - b.call.admittedAt)
  }

  async expired(at: EpochMs): Promise<readonly CallId[]> {
    const { session, names } = this.#deps
    return textsOf(await session.ask('ZRANGE', names.expiry, '-inf', at, 'BYSCORE', 'LIMIT', 0, EXPIRED_MAX)).map(toCallId)
  }

  async standings(): Promise<readonly Standing[]> {
    const { session, names } = this.#deps
    return this.#standingsOf(textsOf(await session.ask('ZRANGE', names.accounts, 0, -1)))
  }

  async ended(at: EpochMs): Promise<readonly Standing[]> {
    const { session, names } = this.#deps
    return this.#standingsOf(textsOf(await session.ask('ZRANGE', names.accounts, '-inf', at, 'BYSCORE')))
  }

  async open(ref: AccountRef): Promise<void> {
    const version = await this.#deps.catalog.version()
    await this.#open(ref, version)
  }

  async cut(key: AccountKey, endsAt: EpochMs): Promise<void> {
    const { session, names } = this.#deps
    const name = names.account(key)
    const json = await session.ask('HGET', name, 's')
    if (json === null) return
    const face = fromFace(json)
    const cut = JSON.stringify({ ...face, period: { ...face.period, endsAt } })
    const text = toEntryText({ kind: 'cut', account: key, endsAt })
    await session.step(SCRIPTS.cut, [names.accounts, names.stream, name], [endsAt, cut, text])
  }

  async close(key: AccountKey, closedAt: EpochMs): Promise<Close | undefined> {
    const { session, names } = this.#deps
    for (;;) {
      const [standing] = await this.#standingsOf([names.account(key)])
      if (standing === undefined || standing.callsInFlight > 0) return undefined
      const close = closeOf(standing, closedAt)
      const reply = await session.step(
        SCRIPTS.close,
        [names.accounts, names.stream, names.account(key)],
        [close.used, close.granted, close.overrun, toEntryText({ kind: 'closed', close })],
      )
      if (reply[0] === 'closed') return close
      if (reply[0] === 'unknown') return undefined
    }
  }

  async tend(): Promise<void> {
    const { session, recount, crossings, names, unconfirmed } = this.#deps
    const [drained, state, openAt] = textsOf(await session.ask('HMGET', names.meta, 'drained', 'state', 'openAt'))
    if (drained !== undefined && drained !== '') unconfirmed.confirm(drained)
    if (state !== 'open' && Number(openAt) <= this.#deps.clock.now()) await session.reopen()
    await crossings.tell()
    await recount.replay()
    for (const call of this.#doubtful) {
      await this.settle({ call, endedAt: this.#deps.clock.now(), ending: 'upstream_unreachable', usage: { kind: 'none' } })
      this.#doubtful.delete(call)
    }
  }

  /** Puts back the holds of this process's calls after the store was made anew. */
  async assertHolds(): Promise<void> {
    const flights = [...this.#flights].filter(([, { isUncounted }]) => !isUncounted)
    const known = await this.#deps.recount.known(flights.map(([call]) => call))
    for (const [call, flight] of flights) if (known.get(call) !== 'ended') await this.#assertHold(call, flight)
  }

  async #assertHold(call: CallId, { stored, hold, refs }: Flight): Promise<void> {
    const { session, names } = this.#deps
    const keys = [names.holds, names.expiry, names.stream, ...this.#keysOf(refs)]
    for (;;) {
      const reply = await session.step(SCRIPTS.assert, keys, [call, toStored(stored), hold.expiresAt, ...stored.amounts])
      const unopened = unopenedOf(reply, refs)
      if (unopened === undefined) return
      await this.open(unopened)
    }
  }

  async #reserve(request: ReserveRequest): Promise<ReserveOutcome> {
    const { call, bound, accounts, version, expiresAt } = request
    const { names, clock } = this.#deps
    const keys = [names.holds, names.expiry, names.stream, names.crossed, ...this.#keysOf(accounts)]
    const text = textOf(request)
    const { outputMax, outputMin, outputExpected = outputMax } = bound
    const own = [version, call.id, expiresAt, text, outputMax, outputMin, outputExpected, request.isTrial === true ? '0' : '1', clock.now()]
    const args = [...own, ...claimArgs(accounts, bound, call.price)]
    for (;;) {
      const reply = await this.#stepOrDoubt(call.id, keys, args)
      if (reply[0] === 'held') return this.#held(request, text, reply)
      if (reply[0] === 'refused') return this.#refused(request, reply)
      if (reply[0] === 'outdated') return { kind: 'outdated' }
      if (reply[0] === 'closed') throw new Failure('store_unavailable', 'the counters are being made again from the ledger: retry')
      const unopened = unopenedOf(reply, accounts)
      assert(unopened !== undefined, 'a bound is an amount')
      if (!(await this.#open(unopened, version))) return { kind: 'outdated' }
    }
  }

  /** Where the answer is lost, what the call may hold is given back as soon as the store is there again. */
  async #stepOrDoubt(call: CallId, keys: readonly string[], args: readonly (string | number)[]): Promise<StepReply> {
    const wasAway = this.#deps.session.trouble() !== undefined
    try {
      return await this.#deps.session.step(SCRIPTS.reserve, keys, args)
    } catch (error) {
      if (!wasAway) this.#doubtful.add(call)
      throw error
    }
  }

  #held(request: ReserveRequest, text: string, reply: StepReply): ReserveOutcome {
    const outputMax = Number(reply[2])
    const outputRoom = Number(reply[3])
    this.#takeOff(request, { outputMax, outputRoom, text, isUncounted: false })
    const standings = request.accounts.map((ref, i) => toAccount(ref, reply, 4 + i * SUM_FIELDS.length))
    return { kind: 'held', outputMax, outputRoom, standings }
  }

  #takeOff(
    { call, bound, accounts, expiresAt }: ReserveRequest,
    { isUncounted, ...decided }: Omit<StoredHold, 'amounts'> & { readonly isUncounted: boolean },
  ): void {
    const { outputMax, outputRoom } = decided
    const amounts = accounts.map(({ budget }) => amountFor(demandIn(budget, bound, call.price), outputMax))
    const hold: Hold = {
      call,
      charges: accounts.map(({ key }, i) => ({ account: key, amount: amounts[i] ?? 0 })),
      input: bound.input,
      output: outputMax * bound.choices,
      costNanoUsd: amountFor(costLine(call, bound), outputMax),
      expiresAt,
      isSpared: bound.outputExpected !== undefined && outputRoom < bound.outputMax,
    }
    const raisable = bound.outputExpected === undefined ? {} : { bound }
    this.#flights.set(call.id, { hold, stored: { ...decided, amounts }, refs: accounts, ...raisable, isUncounted })
  }

  #refused({ accounts }: ReserveRequest, reply: StepReply): ReserveOutcome {
    const at = (i: number) => 3 + i * REFUSED_FIELDS
    const tight = accounts.flatMap((ref, i) => (Number(reply[at(i)]) > 0 ? [toAccount(ref, reply, at(i) + 2)] : []))
    if (accounts.some((_, i) => Number(reply[at(i) + 1]) === 1)) this.#deps.crossings.tellSoon()
    return { kind: 'refused', standings: tightestFirst(tight), isBlockedByHolds: Number(reply[2]) === 1 }
  }

  #mustBeCounted({ accounts }: ReserveRequest): boolean {
    return this.#deps.onStoreDown === 'refuse' && accounts.some(({ budget }) => budget.isHardCap)
  }

  #admitUncounted(request: ReserveRequest): ReserveOutcome {
    const { call, bound, accounts } = request
    this.#doubtful.delete(call.id)
    const { outputMax } = bound
    this.#takeOff(request, { outputMax, outputRoom: outputMax, text: textOf(request), isUncounted: true })
    return { kind: 'held', outputMax, outputRoom: outputMax, standings: accounts.map((ref) => toAccount(ref, [])) }
  }

  async #end({ hold, stored }: KnownHold, ending: Ending): Promise<'ended' | 'unknown' | 'changed'> {
    const counted = { hold: toStored(stored), expiresAt: hold.expiresAt, settlement: ending.settlement }
    if (ending.isUncounted) {
      await this.#deps.recount.later(counted)
      return 'ended'
    }
    try {
      const reply = await settleStep(this.#deps, { hold, stored }, ending)
      if (reply[0] === 'ended') this.#deps.unconfirmed.add(String(reply[2]), { kind: 'call', counted })
      return reply[0] === 'ended' || reply[0] === 'changed' ? reply[0] : 'unknown'
    } catch (error) {
      if (!isAway(error)) throw error
      // Whether it was done is unknown: it is looked up before it is done again.
      await this.#deps.recount.later(counted)
      return 'ended'
    }
  }

  async #storedHold(call: CallId): Promise<KnownHold | undefined> {
    const { session, names } = this.#deps
    const [text, expiresAt] = await Promise.all([session.ask('HGET', names.holds, call), session.ask('ZSCORE', names.expiry, call)])
    if (typeof text !== 'string') return undefined
    const stored = fromStored(text)
    return { stored, hold: toHold(stored, Number(expiresAt)) }
  }

  /** As they are now; as they were at the reserve where they count in another unit now. */
  async #budgetsOf({ charges }: Hold, flight: Flight | undefined): Promise<readonly Budget[]> {
    const { catalog } = this.#deps
    const budgets: Budget[] = []
    for (const [i, { account }] of charges.entries()) {
      const before = flight?.refs[i]?.budget
      const id = toBudgetId(partsOf(account).budget)
      const now = before === undefined ? await catalog.budget(id) : catalog.known(id)
      const budget = before !== undefined && now?.unit !== before.unit ? before : now
      assert(budget !== undefined, `the budget of the account ${account} is known`)
      budgets.push(budget)
    }
    return budgets
  }

  async #moveExpiry(call: CallId, { expiresAt, job, text }: { expiresAt: EpochMs; job: string; text: string }): Promise<void> {
    const { session, names } = this.#deps
    await session.step(SCRIPTS.renew, [names.expiry, names.jobs, names.stream], [call, expiresAt, text, job])
  }

  /** False where by newer budgets it may not exist. */
  async #open(ref: AccountRef, version: number): Promise<boolean> {
    const { session, names } = this.#deps
    const { key, budget, each, period } = ref
    const text = toEntryText({ kind: 'opened', account: key, budget: budget.id, each, unit: budget.unit, period })
    const keys = [names.accounts, names.stream, names.account(key)]
    const [kind] = await session.step(SCRIPTS.open, keys, [version, period.endsAt, toFace(ref), text])
    return kind === 'open'
  }

  async #standingsOf(accounts: readonly string[]): Promise<readonly Standing[]> {
    const { session, names } = this.#deps
    const standings: Standing[] = []
    for (let i = 0; i < accounts.length; i += ROWS_AT_ONCE) {
      const chunk = accounts.slice(i, i + ROWS_AT_ONCE)
      const rows = await Promise.all(chunk.map((name) => session.ask('HMGET', name, ...SUM_FIELDS, 's')))
      for (const [at, row] of rows.entries()) {
        const standing = await this.#standingOf(parseAccountKey(names.accountIn(chunk[at] ?? '')), row)
        if (standing !== undefined) standings.push(standing)
      }
    }
    return standings
  }

  async #standingOf(key: AccountKey, row: RedisReply): Promise<Standing | undefined> {
    const face = Array.isArray(row) ? (row[SUM_FIELDS.length] ?? null) : null
    if (!Array.isArray(row) || face === null) return undefined
    const { budget: id, each, unit, limit, period } = fromFace(face)
    const budget = await this.#deps.catalog.budget(id)
    assert(budget !== undefined, `the budget ${id} of an open account is known`)
    return toAccount({ key, budget: budget.unit === unit ? budget : { ...budget, unit, limit }, each, period }, row)
  }

  #keysOf(refs: readonly AccountRef[]): readonly string[] {
    const keys: string[] = []
    for (const { key } of refs) keys.push(this.#deps.names.account(key))
    return keys
  }
}

const EXPIRED_MAX = 1000
const ROWS_AT_ONCE = 1000

function isAway(error: unknown): error is Failure {
  return error instanceof Failure && error.code === 'store_unavailable'
}

/** For each account: limit, what a hard cap may do, and the demand. */
function claimArgs(refs: readonly AccountRef[], bound: CallBound, price: ReserveRequest['call']['price']): readonly (string | number)[] {
  const args: (string | number)[] = []
  for (const { budget } of refs) {
    const { fixed, perOutput, scale } = demandIn(budget, bound, price)
    const cap = budget.isHardCap ? (budget.nearLimit === 'clamp' ? 'hard,clamp' : 'hard') : ''
    args.push(budget.limit, cap, fixed, perOutput, scale)
  }
  return args
}

function textOf({ call, bound, accounts }: ReserveRequest): string {
  const keys: AccountKey[] = []
  for (const { key } of accounts) keys.push(key)
  return holdText(call, bound, keys)
}

function amountsOf(joined: string): readonly Amount[] {
  return joined === '' ? [] : joined.split(',').map(Number)
}

function unopenedOf(reply: StepReply, refs: readonly AccountRef[]): AccountRef | undefined {
  return reply[0] === 'unopened' ? refs[Number(reply[2])] : undefined
}

function closeOf({ key, budget, each, period, granted, used, overrun }: Standing, closedAt: EpochMs): Close {
  const { id, name, unit, limit } = budget
  return { account: key, budget: id, name, each, unit, period, limit, granted, used, overrun, closedAt }
}

import { type Account, adoptBudget, openAccount, restoreAccount } from '../../domain/accounts/account.ts'
import { type Claim, raise, reserve, settle } from '../../domain/accounts/admission.ts'
import { type Alert, alertOf } from '../../domain/accounts/alert.ts'
import { type Amount, AMOUNT_MAX } from '../../domain/amount.ts'
import { assert } from '../../domain/defect.ts'
import { amountFor, type CallBound, demandIn } from '../../domain/usage/bound.ts'
import type { Budget } from '../../domain/budgets/budget.ts'
import { type Call, type Charge, type EndedCall, endedCall, type Hold, oldestFirst, type OpenHold } from '../../domain/call.ts'
import type { Close } from '../../domain/accounts/close.ts'
import type { AccountKey, BudgetId, CallId } from '../../domain/ids.ts'
import type { EpochMs } from '../../domain/instant.ts'
import type { KeyRow, LedgerRecord } from '../../domain/record.ts'
import { crossByRefusal, crossThreshold } from '../../domain/accounts/threshold.ts'
import { CallMap } from '../../engine/call-map.ts'
import { Failure } from '../../engine/failure.ts'
import { billOf, settlementOf } from '../bill.ts'
import type {
  AccountRef,
  Catalog,
  CatalogState,
  Counters,
  Journal,
  OpenState,
  ReserveOutcome,
  ReserveRequest,
  SettleRequest,
  Standing,
} from '../../engine/ports.ts'

/** A call in flight with the accounts that it holds in. */
interface Flight {
  hold: OpenHold
  readonly accounts: readonly Account[]
  /** What it holds in each of them. */
  amounts: readonly Amount[]
  /** By what its hold may be raised; absent: it may not (any more). */
  raisable?: Raisable | undefined
}

interface Raisable {
  readonly claims: readonly Claim[]
  readonly bound: CallBound
  outputMax: number
}

/**
 * Counters of one process: a map look-up and an integer addition per account. A step changes memory first, synchronously, so
 * that no two calls can see the same room, and resolves once the journal has it.
 */
export function createMemoryCounters(options: {
  readonly journal: Journal
  readonly channelNames: readonly string[]
  /** Whether a call under a hard cap is refused or let in while its hold can't be made durable. */
  readonly onStoreDown: 'refuse' | 'admit'
  readonly state: OpenState
}): Counters & Catalog {
  const counters = new MemoryCounters(options)
  counters.restore(options.state)
  return counters
}

class MemoryCounters implements Counters, Catalog {
  readonly isShared = false
  readonly #budgets = new Map<BudgetId, Budget>()
  readonly #keys = new Map<string, KeyRow>()
  readonly #accounts = new Map<AccountKey, Account>()
  readonly #flights = new CallMap<Flight>()
  readonly #journal: Journal
  readonly #channelNames: readonly string[]
  readonly #onStoreDown: 'refuse' | 'admit'
  #version = 0

  constructor(options: { journal: Journal; channelNames: readonly string[]; onStoreDown: 'refuse' | 'admit' }) {
    this.#journal = options.journal
    this.#channelNames = options.channelNames
    this.#onStoreDown = options.onStoreDown
  }

  restore(state: OpenState): void {
    for (const budget of state.budgets) this.#budgets.set(budget.id, budget)
    for (const key of state.keys) this.#keys.set(key.id, key)
    for (const { account: key, budget: id, unit, ...sums } of state.accounts) {
      const budget = this.#budgets.get(id)
      assert(budget !== undefined, `the ledger knows the budget ${id} of its account`)
      // An edit may have given the budget another unit since; what was used stays in the account's own.
      this.#accounts.set(key, restoreAccount({ ...sums, key, budget: { ...budget, unit }, held: 0, callsInFlight: 0 }))
    }
    for (const hold of state.holds) this.#restoreHold(hold)
  }

  async reserve(request: ReserveRequest): Promise<ReserveOutcome> {
    const { call, bound } = request
    if (request.version !== this.#version) return { kind: 'outdated' }
    const claims: Claim[] = []
    for (const ref of request.accounts) {
      const account = this.#accountOf(ref)
      claims.push({ account, demand: demandIn(account.budget, bound, call.price) })
    }
    const admission = reserve(claims, bound)
    if (admission.kind === 'refused') {
      if (request.isTrial !== true) this.#alertRefusal(admission.exhausted, call.admittedAt)
      return { kind: 'refused', standings: admission.accounts, isBlockedByHolds: admission.isBlockedByHolds }
    }
    const flight = this.#takeOff(request, claims, admission)
    try {
      await this.#appendHeld({ kind: 'held', hold: flight.hold }, flight)
    } catch (error) {
      this.#land(
        flight,
        flight.accounts.map(() => 0),
      )
      throw error
    }
    const { outputMax, outputRoom } = admission
    return { kind: 'held', outputMax, outputRoom, standings: flight.accounts }
  }

  async settle(request: SettleRequest): Promise<EndedCall | undefined> {
    const flight = this.#flights.get(request.call)
    if (flight === undefined) return undefined
    const { hold, accounts } = flight
    const bill = billOf(
      hold,
      accounts.map(({ budget }) => budget),
      request.usage,
    )
    const overrun = this.#land(flight, bill.amounts)
    const alerts = this.#alertCrossings(accounts, request.endedAt)
    const settlement = settlementOf(request, bill, overrun)
    await this.#journal.append([{ kind: 'ended', settlement, alerts }])
    return endedCall(hold, settlement, bill.tokens)
  }

  async raise(call: CallId, outputMax: number): Promise<number> {
    const flight = this.#flights.get(call)
    if (flight?.raisable === undefined) return 0
    const { raisable, amounts } = flight
    const from = raisable.outputMax
    const raised = raise(raisable.claims, amounts, { from, to: outputMax })
    if (raised.outputMax === from) return from
    this.#setHeld(flight, raised)
    const { output, costNanoUsd } = flight.hold
    try {
      await this.#appendHeld({ kind: 'raised', call, output, costNanoUsd, amounts: raised.amounts }, flight)
    } catch (error) {
      if (!(error instanceof Failure)) throw error
      this.#lower(flight, { outputMax: raised.outputMax - from, amounts: raised.amounts.map((amount, i) => amount - (amounts[i] ?? 0)) })
      return from
    }
    return raised.outputMax
  }

  async renew(call: CallId, expiresAt: EpochMs): Promise<void> {
    const flight = this.#flights.get(call)
    if (flight === undefined) return
    flight.hold = { ...flight.hold, expiresAt }
    await this.#journal.append([{ kind: 'renewed', call, expiresAt }])
  }

  async defer(call: CallId, job: string, expiresAt: EpochMs): Promise<void> {
    const flight = this.#flights.get(call)
    if (flight === undefined) return
    flight.hold = { ...flight.hold, job, expiresAt }
    flight.raisable = undefined
    await this.#journal.append([{ kind: 'deferred', call, job, expiresAt }])
  }

  async holds(): Promise<readonly OpenHold[]> {
    return oldestFirst(this.#openHolds())
  }

  async expired(at: EpochMs): Promise<readonly CallId[]> {
    const expired = this.#openHolds().filter(({ expiresAt }) => expiresAt <= at)
    return oldestFirst(expired).map(({ call }) => call.id)
  }

  async standings(): Promise<readonly Standing[]> {
    return [...this.#accounts.values()]
  }

  async ended(at: EpochMs): Promise<readonly Standing[]> {
    const ended: Standing[] = []
    for (const account of this.#accounts.values()) if (account.period.endsAt <= at) ended.push(account)
    return ended
  }

  async open(ref: AccountRef): Promise<void> {
    this.#accountOf(ref)
  }

  /** Nothing: no other process counts here, and what is written is written at once. */
  async tend(): Promise<void> {}

  async version(): Promise<number> {
    return this.#version
  }

  async read(): Promise<CatalogState> {
    return { version: this.#version, budgets: [...this.#budgets.values()], keys: [...this.#keys.values()] }
  }

  async putBudgets(budgets: readonly Budget[], { at }: { readonly at: EpochMs }): Promise<number> {
    // Appended in one turn of the journal: all of them are written, or none.
    await Promise.all(budgets.map((budget) => this.#journal.appendOrFail({ kind: 'revised', budget, at })))
    const changed = new Map(budgets.map((budget) => [budget.id, budget]))
    for (const budget of budgets) this.#budgets.set(budget.id, budget)
    for (const account of this.#accounts.values()) {
      const budget = changed.get(account.budget.id)
      if (budget !== undefined && account.budget.unit === budget.unit) adoptBudget(account, budget)
    }
    return ++this.#version
  }

  async putKey(key: KeyRow): Promise<void> {
    await this.#journal.appendOrFail({ kind: 'key', key })
    this.#keys.set(key.id, key)
    this.#version++
  }

  async cut(key: AccountKey, endsAt: EpochMs): Promise<void> {
    const account = this.#open(key)
    account.period = { ...account.period, endsAt }
    await this.#journal.append([{ kind: 'cut', account: key, endsAt }])
  }

  async close(key: AccountKey, closedAt: EpochMs): Promise<Close | undefined> {
    const account = this.#accounts.get(key)
    // A clock that was set back let a call in meanwhile: the account is closed after it.
    if (account === undefined || account.callsInFlight > 0) return undefined
    assert(account.period.endsAt <= closedAt, `the account ${key} has ended`)
    this.#accounts.delete(key)
    const { budget, each, period, granted, used, overrun } = account
    const close: Close = {
      account: key,
      budget: budget.id,
      name: budget.name,
      each,
      unit: budget.unit,
      period,
      limit: budget.limit,
      granted,
      used,
      overrun,
      closedAt,
    }
    await this.#journal.append([{ kind: 'closed', close }])
    return close
  }

  /** The account, opened where this is the first that is heard of it; its record goes before the one that needs it. */
  #accountOf(ref: AccountRef): Account {
    const known = this.#accounts.get(ref.key)
    if (known !== undefined) return known
    const account = openAccount(ref.budget, ref.each, ref.period)
    this.#accounts.set(ref.key, account)
    this.#write({
      kind: 'opened',
      account: ref.key,
      budget: ref.budget.id,
      each: ref.each,
      unit: ref.budget.unit,
      period: ref.period,
    })
    return account
  }

  #takeOff(
    request: ReserveRequest,
    claims: readonly Claim[],
    held: { outputMax: number; outputRoom: number; amounts: readonly Amount[] },
  ): Flight {
    const { call, bound, expiresAt } = request
    const accounts: Account[] = []
    for (const { account } of claims) accounts.push(account)
    const hold: Hold = {
      call,
      charges: chargesOf(accounts, held.amounts),
      input: bound.input,
      output: Math.min(held.outputMax * bound.choices, AMOUNT_MAX),
      costNanoUsd: costOfBound(call, bound, held.outputMax),
      expiresAt,
      isSpared: bound.outputExpected !== undefined && held.outputRoom < bound.outputMax,
    }
    const raisable = bound.outputExpected === undefined ? undefined : { claims, bound, outputMax: held.outputMax }
    const flight = { hold, accounts, amounts: held.amounts, raisable }
    this.#flights.set(call.id, flight)
    return flight
  }

  /** What is held under a hard cap must be durable before it is used; the rest is counted when the store is back. */
  #appendHeld(record: LedgerRecord, { accounts }: Flight): Promise<void> {
    const mustBeDurable = this.#onStoreDown === 'refuse' && accounts.some(({ budget }) => budget.isHardCap)
    return mustBeDurable ? this.#journal.appendOrFail(record) : this.#journal.append([record])
  }

  #setHeld(flight: Flight, { outputMax, amounts }: { readonly outputMax: number; readonly amounts: readonly Amount[] }): void {
    const { raisable, hold, accounts } = flight
    if (raisable === undefined) return
    raisable.outputMax = outputMax
    flight.amounts = amounts
    const output = Math.min(outputMax * raisable.bound.choices, AMOUNT_MAX)
    const costNanoUsd = costOfBound(hold.call, raisable.bound, outputMax)
    flight.hold = { ...hold, output, costNanoUsd, charges: chargesOf(accounts, amounts) }
  }

  /** Takes back a raise that could not be made durable, unless the call has ended by now. */
  #lower(flight: Flight, by: { readonly outputMax: number; readonly amounts: readonly Amount[] }): void {
    const { raisable, accounts, amounts, hold } = flight
    if (raisable === undefined || !this.#flights.has(hold.call.id)) return
    for (const [i, account] of accounts.entries()) account.held -= by.amounts[i] ?? 0
    this.#setHeld(flight, {
      outputMax: raisable.outputMax - by.outputMax,
      amounts: amounts.map((amount, i) => amount - (by.amounts[i] ?? 0)),
    })
  }

  #land({ hold, accounts, amounts: held }: Flight, used: readonly Amount[]): Amount {
    // Where this throws, the call is still in flight, and can be settled otherwise.
    const overrun = settle(accounts, held, used)
    this.#flights.take(hold.call.id)
    return overrun
  }

  #openHolds(): readonly OpenHold[] {
    const holds: OpenHold[] = []
    for (const [, flight] of this.#flights) holds.push(flight.hold)
    return holds
  }

  #restoreHold(hold: OpenHold): void {
    const accounts = hold.charges.map(({ account }) => this.#open(account))
    const amounts = hold.charges.map(({ amount }) => amount)
    for (const [i, account] of accounts.entries()) {
      account.held += amounts[i] ?? 0
      account.callsInFlight++
    }
    this.#flights.set(hold.call.id, { hold, accounts, amounts })
  }

  #alertCrossings(accounts: readonly Account[], at: EpochMs): readonly Alert[] {
    const alerts: Alert[] = []
    for (const account of accounts) {
      const crossing = crossThreshold(account)
      if (crossing !== undefined) alerts.push(alertOf(account, crossing, at, this.#channelNames))
    }
    return alerts
  }

  #alertRefusal(exhausted: readonly Account[], at: EpochMs): void {
    for (const account of exhausted) {
      const crossing = crossByRefusal(account)
      if (crossing !== undefined) this.#write({ kind: 'alerted', alert: alertOf(account, crossing, at, this.#channelNames) })
    }
  }

  /** Appended in order, but not waited for: the next record that is waited for comes after it. */
  #write(record: LedgerRecord): void {
    void this.#journal.append([record])
  }

  #open(key: AccountKey): Account {
    const account = this.#accounts.get(key)
    assert(account !== undefined, `the account ${key} is open`)
    return account
  }
}

function costOfBound(call: Call, bound: CallBound, outputMax: number): Amount {
  return amountFor(demandIn({ unit: 'usd' }, bound, call.price), outputMax)
}

function chargesOf(accounts: readonly Account[], amounts: readonly Amount[]): readonly Charge[] {
  const charges: Charge[] = []
  for (let i = 0; i < accounts.length; i++) {
    const account = accounts[i]
    if (account !== undefined) charges.push({ account: account.key, amount: amounts[i] ?? 0 })
  }
  return charges
}

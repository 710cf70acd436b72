import type { CallBound } from '../../src/domain/usage/bound.ts'
import type { BudgetDefinition } from '../../src/domain/budgets/budget.ts'
import type { EndedCall } from '../../src/domain/call.ts'
import type { CallId } from '../../src/domain/ids.ts'
import { attributeValue, matches } from '../../src/domain/budgets/scope.ts'
import type { Admitted } from '../../src/engine/reserve.ts'
import type { Standing } from '../../src/engine/ports.ts'
import { amountOf, NOTHING, type Produced } from './produced.ts'
import { checkCloses } from './closes-check.ts'
import { sameSet } from './same-set.ts'
import type { SimulatedLedger } from './simulated-ledger.ts'
import { Violation } from './violation.ts'
import type { Witnessed } from './witnessed.ts'

export interface AuditorOptions {
  /** False where clocks jump, or accounts are reset: then one may be cut at an instant that lies before a call which was let in just now. */
  readonly isTimeSteady: boolean
  /** False where calls are let in while nothing can be counted: then a cap may be passed. */
  readonly capsHold: boolean
  /** False where a store is made anew: it does not know slices of processes that died. */
  readonly areSlicesKept: boolean
  readonly onLost: 'charge' | 'release'
  readonly holdTtlMs: number
  /** The world's time. */
  readonly now: () => number
}

/**
 * The second opinion. It knows what callers were told and what providers did, and adds that up itself; of what Bursar keeps
 * it looks only at the ledger, and at the end at the counters.
 */
export class Auditor {
  readonly #options: AuditorOptions
  readonly #calls = new Map<string, Witnessed>()
  readonly #byAccount = new Map<string, Witnessed[]>()
  /** Every limit that a budget ever had: an edit is in force somewhere between its begin and its end. */
  readonly #limits = new Map<string, number>()
  readonly #edited = new Set<string>()
  readonly #softened = new Set<string>()
  #definitions: readonly BudgetDefinition[] = []
  admitted = 0
  refused = 0
  unavailable = 0

  constructor(options: AuditorOptions) {
    this.#options = options
  }

  /** Those that are, or are about to be, in force. */
  defined(definitions: readonly BudgetDefinition[]): void {
    this.#definitions = definitions
    for (const { id, limit, isHardCap } of definitions) {
      const known = this.#limits.get(id)
      if (known !== undefined && known !== limit) this.#edited.add(id)
      this.#limits.set(id, Math.max(limit, known ?? 0))
      if (!isHardCap) this.#softened.add(id)
    }
  }

  /**
   * A caller was let in.
   * @param bound with the tightest bound of the input that is known of it
   */
  admit(admitted: Admitted, bound: CallBound, by: Pick<Witnessed, 'incarnation' | 'isUncounted'>): void {
    const { call, outputMax, standings } = admitted
    this.admitted++
    this.#check(!this.#calls.has(call.id), () => `${call.id} is let in once`)
    this.#check(outputMax >= bound.outputMin && outputMax <= bound.outputMax, () => `${call.id} is allowed ${outputMax}`)
    const counted = standings.map(({ budget, each }) => `${budget.id} ${each ?? ''}`)
    const inScope = this.#definitions.flatMap((definition) => this.#shouldCount(definition, admitted))
    this.#check(sameSet(counted, inScope), () => `${call.id} counts in ${counted.join()}, not in ${inScope.join()}`)
    const accounts = standings.map(({ key }) => key)
    const allowed = { input: bound.input, output: outputMax * bound.choices }
    const witnessed: Witnessed = {
      admitted,
      accounts,
      allowed,
      produced: undefined,
      ...by,
      isOrphan: false,
      isCutOff: false,
      isDelivered: false,
      isDeferred: false,
      isSeen: false,
      told: undefined,
      isAtRisk: false,
      letInAt: this.#options.now(),
      deliveredAt: undefined,
      isCountedLater: false,
      endedElsewhere: false,
    }
    this.#calls.set(call.id, witnessed)
    for (const standing of standings) this.#count(witnessed, standing)
  }

  raised(call: string, output: number): void {
    const witnessed = this.#calls.get(call)
    if (witnessed === undefined) return
    witnessed.allowed = { ...witnessed.allowed, output: Math.max(witnessed.allowed.output, output) }
    for (const account of witnessed.accounts) this.#checkAccount(account)
  }

  allowedOutput(call: string): number {
    return this.#calls.get(call)?.allowed.output ?? 0
  }

  /** From here on it has cost this, whatever becomes of its process. */
  produce(call: string, produced: Produced): void {
    const witnessed = this.#calls.get(call)
    if (witnessed !== undefined) witnessed.produced = produced
  }

  /** Its process says that it is counted, and its caller has the last byte. */
  deliver(call: string, told: EndedCall | undefined, isStoreAway: boolean): void {
    const witnessed = this.#calls.get(call)
    if (witnessed === undefined) return
    // What a store forgot, or was to be counted later and died with its process: the job that it had ended is found open by another.
    const mayEndAgain = witnessed.isDeferred && (witnessed.isAtRisk || (witnessed.isOrphan && witnessed.isCountedLater))
    witnessed.isDelivered = true
    witnessed.isCountedLater = isStoreAway
    witnessed.deliveredAt = this.#options.now()
    if (told === undefined) witnessed.endedElsewhere = true
    if (told === undefined) return
    this.#check(witnessed.told === undefined || mayEndAgain, () => `${call} ends once`)
    witnessed.told = told
    // Of a job that the store heard of late an account may have been closed before: it counts in the next.
    const name = (account: string) => (witnessed.isDeferred ? ownerOf(account) : account)
    const amounts = told.charges.map(({ account, amount }) => `${name(account)}=${amount}`)
    const expected = witnessed.accounts.map(
      (account) => `${name(account)}=${amountOf(this.#unitOf(account), witnessed.produced ?? NOTHING)}`,
    )
    this.#check(sameSet(amounts, expected), () => `${call} is charged ${amounts.join()}, and used ${expected.join()}`)
  }

  /** It is left to its provider, which only the process that let it in may know yet. */
  defer(call: string): void {
    const witnessed = this.#calls.get(call)
    if (witnessed !== undefined) witnessed.isDeferred = true
  }

  /** A process sees in the store that its provider works on: from here on it is any process's to say how it ended. */
  seen(call: string): void {
    const witnessed = this.#calls.get(call)
    if (witnessed === undefined) return
    witnessed.isSeen = true
    witnessed.isCutOff = false
  }

  /** Nobody will say how it ended. */
  cutOff(call: string): void {
    const witnessed = this.#calls.get(call)
    if (witnessed !== undefined) witnessed.isCutOff = true
  }

  died(incarnation: string): void {
    for (const witnessed of this.#calls.values()) {
      if (witnessed.incarnation !== incarnation) continue
      witnessed.isOrphan = true
      if (!witnessed.isDelivered && !witnessed.isSeen) witnessed.isCutOff = true
    }
  }

  /** A store forgot what it had acknowledged about these calls, and the ledger had not heard of it. */
  forgotten(calls: Iterable<string>): void {
    for (const call of calls) {
      const witnessed = this.#calls.get(call)
      if (witnessed !== undefined) witnessed.isAtRisk = true
    }
  }

  /** After everything has healed and come to rest. */
  finish(ledger: SimulatedLedger, standings: readonly Standing[], now: number): void {
    this.#check(ledger.defects.length === 0, () => ledger.defects.join('; '))
    this.#check(ledger.holds.size === 0, () => `no hold is open: ${[...ledger.holds.keys()].join()}`)
    for (const [call, witnessed] of this.#calls) this.#checkEnd(call, witnessed, ledger)
    this.#checkSlices(ledger)
    for (const [call, { settlement }] of ledger.calls) {
      const isKnown = this.#calls.has(call) || ['lost', 'upstream_unreachable'].includes(settlement.ending)
      this.#check(isKnown, () => `${call} ended as ${settlement.ending}, and nobody was let in`)
      this.#checkPeriod(call, ledger)
    }
    this.#checkCounters(ledger, standings, now)
    for (const account of ledger.accounts.values()) this.#checkAlerts(account, ledger)
    checkCloses(ledger)
  }

  /** What stands in the store, at any instant. */
  look(account: string, { used, held, overrun }: Pick<Standing, 'used' | 'held' | 'overrun'>): void {
    const [budget = ''] = account.split('\n')
    if (!this.#capHolds(budget)) return
    const limit = this.#limits.get(budget) ?? 0
    this.#check(
      used + held <= limit + overrun + this.#exposureOf(account).excusedInStore,
      () => `${account} in the store: ${used} used and ${held} held, of ${limit}`,
    )
  }

  #shouldCount({ id, scope, each }: BudgetDefinition, { call: { attributes } }: Admitted): readonly string[] {
    if (!matches(scope, attributes)) return []
    if (each === undefined) return [`${id} `]
    return [`${id} ${attributeValue(attributes, each) ?? '(none)'}`]
  }

  #count(witnessed: Witnessed, { key, used, held, overrun }: Standing): void {
    const known = this.#byAccount.get(key) ?? []
    known.push(witnessed)
    this.#byAccount.set(key, known)
    this.look(key, { used, held, overrun })
    this.#checkAccount(key)
  }

  /** From the outside: what was used, and what calls in flight may use, by what their callers were told. */
  #checkAccount(account: string): void {
    const [budget = ''] = account.split('\n')
    if (!this.#capHolds(budget)) return
    const { total, excused } = this.#exposureOf(account)
    const limit = this.#limits.get(budget) ?? 0
    this.#check(
      total - excused <= limit,
      () =>
        `${account}: ${total} used or allowed (${excused} excused), of ${limit}; ${this.#byAccount
          .get(account)
          ?.map(
            ({ admitted, allowed, produced, isCutOff }) =>
              `${admitted.call.id}:${amountOf(this.#unitOf(account), allowed)}/${produced === undefined ? '-' : amountOf(this.#unitOf(account), produced)}${isCutOff ? 'x' : ''}`,
          )
          .join(' ')}`,
    )
  }

  #capHolds(budget: string): boolean {
    return this.#options.capsHold && !this.#softened.has(budget)
  }

  /** @returns `excused` of the total, and what the store may count beyond the limit: also calls that are not in the total any more */
  #exposureOf(account: string): { readonly total: number; readonly excused: number; readonly excusedInStore: number } {
    const unit = this.#unitOf(account)
    let total = 0
    let excused = 0
    let excusedInStore = 0
    for (const witnessed of this.#byAccount.get(account) ?? []) {
      const { allowed, produced, isAtRisk } = witnessed
      const counted = amountOf(unit, produced ?? allowed)
      const most = this.#mayBeReleased(witnessed) ? 0 : counted
      total += most
      // What a provider produced beyond what it was allowed is its fault, and is charged.
      const beyond = Math.max(0, most - amountOf(unit, allowed))
      excused += isAtRisk ? most : beyond
      excusedInStore += isAtRisk ? counted : beyond
    }
    return { total, excused, excusedInStore }
  }

  /** Where what is lost is released, a call that its process could not renew in time may use what is given to others. */
  #mayBeReleased({ isCutOff, isCountedLater, letInAt, deliveredAt }: Witnessed): boolean {
    const { onLost, holdTtlMs, now } = this.#options
    return onLost === 'release' && (isCutOff || isCountedLater || (deliveredAt ?? now()) - letInAt >= holdTtlMs)
  }

  #checkEnd(call: string, witnessed: Witnessed, ledger: SimulatedLedger): void {
    const ended = ledger.calls.get(witnessed.admitted.call.id)
    if (ended === undefined) {
      const isForgotten = witnessed.isAtRisk || (witnessed.isCutOff && (witnessed.isUncounted || this.#isFromSlices(witnessed)))
      this.#check(isForgotten && witnessed.isOrphan, () => `${call} was let in, and the ledger does not know how it ended`)
      return
    }
    const { settlement, hold } = ended
    const accounts = hold.charges.map(({ account }) => account)
    this.#check(
      sameSet(accounts, witnessed.accounts) || this.#hasMoved(accounts, witnessed, ledger),
      () => `${call} held in ${accounts.join()}, and counts in ${witnessed.accounts.join()}`,
    )
    const isLost = settlement.ending === 'lost'
    const { isCutOff, endedElsewhere, isAtRisk, told } = witnessed
    this.#check(
      !isLost || isCutOff || endedElsewhere || isAtRisk || told !== undefined || this.#mayHaveExpired(witnessed, settlement.endedAt),
      () => `${call} was not lost`,
    )
    if (isLost) return
    const expected = witnessed.accounts.map((account) => amountOf(this.#unitOf(account), witnessed.produced ?? NOTHING))
    const charged = settlement.amounts
    this.#check(expected.join() === charged.join(), () => `${call} is charged ${charged.join()}, and used ${expected.join()}`)
  }

  /** A process that is cut off for that long can't tell of a job, and is not told that its call has ended. */
  #mayHaveExpired({ isDeferred, isSeen, letInAt }: Witnessed, endedAt: number): boolean {
    const { isTimeSteady, holdTtlMs } = this.#options
    return isDeferred && !isSeen && (!isTimeSteady || endedAt - letInAt >= holdTtlMs)
  }

  /** What a process let in from its slices the store knows as these slices, until it hears how the calls ended. */
  #isFromSlices({ admitted }: Witnessed): boolean {
    return admitted.standings.every(({ budget }) => budget.enforcement === 'leased')
  }

  /** No call of a process that died is free: its slices are charged for all that they had let in, or what it used where it had ended. */
  #checkSlices(ledger: SimulatedLedger): void {
    if (this.#options.onLost === 'release' || !this.#options.areSlicesKept) return
    const lost = [...this.#calls.values()].filter(
      (witnessed) => this.#isFromSlices(witnessed) && !witnessed.isUncounted && !ledger.calls.has(witnessed.admitted.call.id),
    )
    for (const { incarnation, accounts } of lost) {
      for (const account of accounts) {
        const own = lost.filter((other) => other.incarnation === incarnation && other.accounts.includes(account))
        const least = own.reduce((sum, witnessed) => sum + this.#leastOf(witnessed, account), 0)
        const charged = [...ledger.calls.values()]
          .filter(({ hold }) => hold.call.id.startsWith(`lease_${incarnation}_`))
          .reduce(
            (sum, { hold: { charges }, settlement: { amounts } }) => sum + (charges[0]?.account === account ? (amounts[0] ?? 0) : 0),
            0,
          )
        this.#check(charged >= least, () => `${incarnation} died with ${least} let in from its slice of ${account}, charged ${charged}`)
      }
    }
  }

  /** Its hold while it is in flight; once it has ended, what it used, as far as its hold covers that. */
  #leastOf({ allowed, produced = allowed }: Witnessed, account: string): number {
    const unit = this.#unitOf(account)
    return Math.min(amountOf(unit, allowed), amountOf(unit, produced))
  }

  /** Counted late, a call counts in the next account where its own was closed before, or never opened. */
  #hasMoved(accounts: readonly string[], witnessed: Witnessed, ledger: SimulatedLedger): boolean {
    const moved = witnessed.accounts.filter((account) => !accounts.includes(account))
    const isClosed = moved.every((account) => {
      const known = ledger.accounts.get(account)
      return known === undefined || known.closedBy !== undefined
    })
    return isClosed && sameSet(accounts.map(ownerOf), witnessed.accounts.map(ownerOf))
  }

  #checkPeriod(call: CallId, ledger: SimulatedLedger): void {
    const ended = ledger.calls.get(call)
    for (const { account } of ended?.hold.charges ?? []) {
      const period = ledger.accounts.get(account)?.period
      const at = ended?.hold.call.admittedAt ?? 0
      this.#check(
        period !== undefined && (at <= period.endsAt || !this.#options.isTimeSteady),
        () => `${call} of ${at} is charged to ${account}, which ended before`,
      )
    }
  }

  #checkCounters(ledger: SimulatedLedger, standings: readonly Standing[], now: number): void {
    const open = [...ledger.accounts.values()].filter(({ closedBy }) => closedBy === undefined)
    this.#check(
      sameSet(
        standings.map(({ key }) => key),
        open.map(({ account }) => account),
      ),
      () => `open are ${standings.map(({ key }) => key).join()}, by the ledger ${open.map(({ account }) => account).join()}`,
    )
    for (const { key, used, held, overrun, callsInFlight, period } of standings) {
      const account = ledger.accounts.get(key)
      this.#check(held === 0 && callsInFlight === 0, () => `${key}: nothing is held at the end, and not ${held}`)
      this.#check(used === account?.used, () => `${key}: ${used} used, by the ledger ${account?.used}`)
      this.#check(overrun === account?.overrun, () => `${key}: ${overrun} overrun, by the ledger ${account?.overrun}`)
      this.#check(period.endsAt > now, () => `${key} has ended and is not closed`)
    }
    for (const { account, used } of ledger.accounts.values()) {
      const calls = [...ledger.calls.values()].flatMap(({ hold, settlement }) =>
        hold.charges.map((charge, i) => (charge.account === account ? (settlement.amounts[i] ?? 0) : 0)),
      )
      const sum = calls.reduce((total, amount) => total + amount, 0)
      this.#check(sum === used, () => `${account}: ${used} used, its calls ${sum}`)
    }
  }

  /** The highest share that was reached has its alert, unless the limit was another meanwhile. */
  #checkAlerts(
    { account, budget: id, used, closedBy }: { account: string; budget: string; used: number; closedBy?: unknown },
    ledger: SimulatedLedger,
  ): void {
    const definition = this.#definitions.find((one) => one.id === id)
    if (definition === undefined || this.#edited.has(id) || closedBy !== undefined) return
    const reached = [...definition.alertAt, 1].filter((share) => used >= Math.max(1, share * definition.limit))
    const told = [...ledger.alerts.values()].filter((alert) => alert.account === account).map(({ threshold }) => threshold)
    const highest = Math.max(0, ...reached)
    this.#check(highest === 0 || told.some((share) => share >= highest), () => `${account} reached ${highest} and told ${told.join()}`)
    const wrong = told.filter((share) => share < 1 && !reached.includes(share))
    this.#check(wrong.length === 0, () => `${account} told ${wrong.join()} and reached ${reached.join()}`)
  }

  #unitOf(account: string): BudgetDefinition['unit'] {
    const [budget] = account.split('\n')
    return this.#definitions.find(({ id }) => id === budget)?.unit ?? 'tokens'
  }

  #check(holds: boolean, what: () => string): void {
    if (!holds) throw new Violation(what())
  }
}

/** The budget and its `each` value. */
function ownerOf(account: string): string {
  return account.replace(/\n-?\d+$/, '')
}

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Account, adoptBudget, openAccount, restoreAccount } from './account.ts'
import { type Admission, reserve, settle } from './admission.ts'
import type { Unit } from '../amount.ts'
import { type CallBound, demandIn } from '../usage/bound.ts'
import { accountPeriod, type Budget, type BudgetDefinition, revise } from '../budgets/budget.ts'
import { chargeIn } from '../call.ts'
import { toBudgetId } from '../ids.ts'
import { costNanoUsd, type Price } from '../usage/price.ts'
import { crossByRefusal, crossThreshold } from './threshold.ts'
import { chargedTokens, type Usage } from '../usage/usage.ts'

/*
 * Random lives of up to four overlapping budgets. The accounts under test keep running sums; the second opinion keeps a list of
 * calls and adds it up afresh after every step, with its own arithmetic, and says beforehand what every step must answer.
 */

const RUNS = 1000
const STEPS_MIN = 100
const START = Temporal.Instant.from('2026-03-28T20:00:00Z').epochMilliseconds
const PRICE: Price = { inputPico: 2500, cachedInputPico: 1250, cacheWritePico: 3125, outputPico: 10_001 }
const UNITS: readonly Unit[] = ['tokens', 'usd', 'requests']

interface Edit {
  readonly limit: number
  readonly isHardCap: boolean
  readonly nearLimit: 'clamp' | 'deny'
}

type Step =
  | {
      readonly kind: 'call'
      readonly scope: number
      readonly input: number
      readonly output: number
      readonly min: number
      readonly choices: number
    }
  | { readonly kind: 'end'; readonly pick: number; readonly input: number; readonly output: number; readonly cached: number }
  | { readonly kind: 'nothing used' | 'expire'; readonly pick: number }
  | { readonly kind: 'edit'; readonly budget: number; readonly edit: Edit }
  | { readonly kind: 'advance'; readonly ms: number }
  | { readonly kind: 'crash' }

const edits: fc.Arbitrary<Edit> = fc.record({
  limit: fc.oneof({ weight: 1, arbitrary: fc.constant(0) }, { weight: 12, arbitrary: fc.integer({ min: 1, max: 3000 }) }),
  isHardCap: fc.integer({ min: 0, max: 3 }).map((n) => n > 0),
  nearLimit: fc.constantFrom('clamp', 'deny'),
})

const pick = fc.nat(1000)
const percent = fc.integer({ min: 0, max: 130 })
const kind = <K extends Step['kind']>(name: K) => fc.constant(name)

const steps: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 40,
    arbitrary: fc.record({
      kind: kind('call'),
      scope: fc.integer({ min: 1, max: 15 }),
      input: fc.nat(300),
      output: fc.nat(300),
      min: fc.nat(60),
      choices: fc.integer({ min: 1, max: 3 }),
    }),
  },
  { weight: 30, arbitrary: fc.record({ kind: kind('end'), pick, input: percent, output: percent, cached: percent }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constantFrom('nothing used' as const, 'expire' as const), pick }) },
  { weight: 5, arbitrary: fc.record({ kind: kind('edit'), budget: fc.nat(3), edit: edits }) },
  { weight: 4, arbitrary: fc.record({ kind: kind('advance'), ms: fc.integer({ min: 1, max: 5 * 3_600_000 }) }) },
  { weight: 2, arbitrary: fc.record({ kind: kind('crash') }) },
)

const lives = fc.record({
  budgets: fc.array(fc.record({ edit: edits, unit: fc.constantFrom(...UNITS), period: fc.constantFrom('hour' as const, 'day' as const) }), {
    minLength: 1,
    maxLength: 4,
  }),
  steps: fc.array(steps, { minLength: STEPS_MIN, maxLength: STEPS_MIN + 20, size: 'max' }),
})

/** Amounts of every unit lie in the same thousands, so that each cap is met now and then. */
const LIMIT_SCALE = { tokens: 1, usd: 5, requests: 1 / 100 }

function define(i: number, unit: Unit, period: 'hour' | 'day', edit: Edit): BudgetDefinition {
  return {
    id: toBudgetId(`b${i}`),
    name: `b${i}`,
    scope: {},
    unit,
    limit: Math.floor(edit.limit * LIMIT_SCALE[unit]),
    period: { kind: period, timezone: 'Europe/Berlin' },
    alertAt: [0.5, 0.8],
    isHardCap: edit.isHardCap,
    nearLimit: edit.nearLimit,
    waitMs: 0,
    managedBy: 'file',
  }
}

/** A call as the second opinion remembers it. Amounts are by account. */
interface PlainCall {
  readonly bound: CallBound
  readonly outputMax: number
  readonly held: ReadonlyMap<string, number>
  used?: ReadonlyMap<string, number>
}

interface Flight {
  readonly plain: PlainCall
  readonly accounts: Account[]
  readonly amounts: readonly number[]
}

/** What a call of that bound may cost in a unit, in plain arithmetic. */
function plainDemand(unit: Unit, bound: CallBound, output: number): number {
  const outputs = bound.choices * output
  if (unit === 'requests') return 1
  return unit === 'tokens' ? bound.input + outputs : Math.ceil((bound.input * 3125 + outputs * 10_001) / 1000)
}

class Life {
  now = START
  readonly budgets: Budget[]
  readonly accounts = new Map<string, Account>()
  flights: Flight[] = []
  readonly calls: PlainCall[] = []
  /** The highest share that was told, by account. */
  readonly told = new Map<string, number>()
  /** How far an account may be over its limit: as far as it was when it was edited, and what overran since; never further. */
  readonly excess = new Map<string, number>()
  readonly closed: { readonly key: string; readonly used: number; readonly overrun: number }[] = []
  readonly seen = { held: 0, clamped: 0, refused: 0, overruns: 0, alerts: 0, closes: 0, crashes: 0 }

  constructor(definitions: readonly BudgetDefinition[]) {
    this.budgets = definitions.map((definition) => revise(undefined, definition, START))
  }

  take(step: Step): void {
    switch (step.kind) {
      case 'call':
        return this.#call(step)
      case 'end':
        return this.#end(step.pick, (flight) => usageOf(flight.plain, step))
      case 'nothing used':
        return this.#end(step.pick, () => ({ kind: 'none' }))
      case 'expire':
        return this.#end(step.pick, () => 'held')
      case 'edit':
        return this.#edit(step.budget % this.budgets.length, step.edit)
      case 'advance':
        return this.#advance(step.ms)
      case 'crash':
        return this.#crash()
    }
  }

  #call(step: Step & { readonly kind: 'call' }): void {
    const { input, output, min, choices } = step
    const bound: CallBound = { input, outputMax: output, outputMin: Math.min(min, output), choices }
    const chosen = this.budgets.filter((_, i) => ((step.scope >> i) & 1) === 1)
    const accounts = chosen.map((budget) => this.#open(budget))
    const expected = this.#expectedAdmission(accounts, bound)
    const admission = reserve(
      accounts.map((account) => ({ account, demand: demandIn(account.budget, bound, PRICE) })),
      bound,
    )
    expect(plainAdmission(admission)).toEqual(expected)
    if (admission.kind === 'refused') return this.#refused(admission.exhausted)
    this.seen.held++
    if (admission.outputMax < output) this.seen.clamped++
    const held = new Map(accounts.map(({ key, budget }) => [key, plainDemand(budget.unit, bound, admission.outputMax)]))
    const passed = accounts.filter(({ key, budget }) => {
      const { used: usedBefore, held: heldBefore } = this.#plainSums(key)
      return budget.isHardCap && usedBefore + heldBefore + held.get(key)! > budget.limit
    })
    expect(passed).toEqual([])
    const plain: PlainCall = { bound, outputMax: admission.outputMax, held }
    this.calls.push(plain)
    this.flights.push({ plain, accounts, amounts: admission.amounts })
  }

  #refused(exhausted: readonly Account[]): void {
    this.seen.refused++
    for (const account of exhausted) this.#expectAlert(account, crossByRefusal(account)?.threshold, 1)
  }

  #end(pick: number, usageFor: (flight: Flight) => Usage | 'held'): void {
    const [flight] = this.flights.splice(pick % Math.max(1, this.flights.length), 1)
    if (flight === undefined) return
    const { plain, accounts, amounts } = flight
    const usage = usageFor(flight)
    const used = usage === 'held' ? amounts : chargesOf(accounts, usage)
    plain.used = usage === 'held' ? plain.held : new Map(accounts.map(({ key, budget }) => [key, plainCharge(budget.unit, usage)]))
    const overrun = settle(accounts, amounts, used)
    const beyond = new Map(accounts.map(({ key }) => [key, Math.max(0, plain.used!.get(key)! - plain.held.get(key)!)]))
    expect(overrun).toBe(Math.max(0, ...beyond.values()))
    for (const [key, amount] of beyond) this.excess.set(key, (this.excess.get(key) ?? 0) + amount)
    if (overrun > 0) this.seen.overruns++
    for (const account of accounts) {
      const { used: usedNow } = this.#plainSums(account.key)
      const shares = [0.5, 0.8, 1].filter((share) => usedNow >= 1 && usedNow * 10 >= Math.round(share * 10) * account.budget.limit)
      this.#expectAlert(account, crossThreshold(account)?.threshold, Math.max(0, ...shares))
    }
  }

  /** An alert fires for the highest share that was reached, unless it or a higher one has fired in this account before. */
  #expectAlert(account: Account, fired: number | undefined, reached: number): void {
    const before = this.told.get(account.key) ?? 0
    expect(fired).toBe(reached > before ? reached : undefined)
    if (fired === undefined) return
    this.told.set(account.key, fired)
    this.seen.alerts++
  }

  #edit(i: number, edit: Edit): void {
    const before = this.budgets[i]!
    const { unit, period } = before
    const after = revise(before, define(i, unit, period.kind === 'hour' ? 'hour' : 'day', edit), this.now)
    this.budgets[i] = after
    expect(accountPeriod(after, this.now)).toEqual(accountPeriod(before, this.now))
    for (const account of this.accounts.values()) {
      if (account.budget.id !== after.id) continue
      adoptBudget(account, after)
      this.excess.set(account.key, Math.max(0, account.used + account.held - after.limit))
    }
  }

  /** Accounts whose period has ended close once nothing is in flight in them. */
  #advance(ms: number): void {
    this.now += ms
    for (const { key, period, held, used, overrun } of this.accounts.values()) {
      if (period.endsAt > this.now || held > 0 || this.flights.some(({ plain }) => plain.held.has(key))) continue
      this.closed.push({ key, used, overrun })
      this.accounts.delete(key)
      this.seen.closes++
    }
  }

  /** The process dies: its accounts come back from the ledger's sums, and the holds in flight are replayed on them. */
  #crash(): void {
    this.seen.crashes++
    for (const [key, account] of this.accounts) {
      const { used, overrun } = this.#plainSums(key)
      const alertedAt = this.told.get(key) ?? 0
      const { budget, each, period } = account
      this.accounts.set(
        key,
        restoreAccount({ key: account.key, each, budget, period, used, overrun, alertedAt, granted: 0, held: 0, callsInFlight: 0 }),
      )
    }
    this.flights = this.flights.map(({ plain, accounts }) => {
      const restored = accounts.map(({ key }) => this.accounts.get(key)!)
      const amounts = restored.map(({ key }) => plain.held.get(key)!)
      restored.forEach((account, i) => {
        account.held += amounts[i]!
      })
      return { plain, accounts: restored, amounts }
    })
  }

  #open(budget: Budget): Account {
    const account = openAccount(budget, null, accountPeriod(budget, this.now))
    const known = this.accounts.get(account.key)
    if (known === undefined) this.accounts.set(account.key, account)
    return known ?? account
  }

  /** The second opinion on a call: the largest output, tried one by one, that every cap has room for. */
  #expectedAdmission(accounts: readonly Account[], bound: CallBound): PlainAdmission {
    const standings = accounts.map(({ key, budget }) => ({ key, budget, ...this.#plainSums(key) }))
    const hard = standings.filter(({ budget }) => budget.isHardCap)
    const tight = hard.filter(({ budget, used, held }) => fitting(budget, bound, budget.limit - used - held) === undefined)
    const exhausted = tight.filter(({ budget, used }) => fitting(budget, bound, budget.limit - used) === undefined)
    if (tight.length > 0) return { refused: tight.map(({ key }) => key).toSorted(compare), isBlockedByHolds: exhausted.length === 0 }
    return { held: Math.min(bound.outputMax, ...hard.map(({ budget, used, held }) => fitting(budget, bound, budget.limit - used - held)!)) }
  }

  /** An account's sums, added up from all calls that were ever charged to it. */
  #plainSums(key: string): { readonly used: number; readonly held: number; readonly overrun: number } {
    const sums = { used: 0, held: 0, overrun: 0 }
    for (const { held, used } of this.calls) {
      const amount = held.get(key)
      if (amount === undefined) continue
      const charge = used?.get(key)
      if (charge === undefined) sums.held += amount
      else sums.used += charge
      sums.overrun += Math.max(0, (charge ?? 0) - amount)
    }
    return sums
  }

  /** Every open account against the calls; a hard cap is passed by overruns only, and where an edit lowered it. */
  check(): void {
    const standings = [...this.accounts.values()]
    expect(standings.map(({ key, used, held, overrun }) => ({ key, used, held, overrun }))).toEqual(
      standings.map(({ key }) => ({ key, ...this.#plainSums(key) })),
    )
    const excess = new Map(standings.map(({ key, budget, used, held }) => [key as string, Math.max(0, used + held - budget.limit)]))
    const passed = standings.filter(({ key, budget }) => budget.isHardCap && excess.get(key)! > (this.excess.get(key) ?? 0))
    expect(passed).toEqual([])
    for (const [key, amount] of excess) this.excess.set(key, amount)
  }

  checkClosed(): void {
    expect(this.closed).toEqual(
      this.closed.map(({ key }) => ({ key, used: this.#plainSums(key).used, overrun: this.#plainSums(key).overrun })),
    )
    expect(new Set(this.closed.map(({ key }) => key)).size).toBe(this.closed.length)
  }
}

type PlainAdmission = { readonly held: number } | { readonly refused: readonly string[]; readonly isBlockedByHolds: boolean }

const compare = (a: string, b: string): number => (a < b ? -1 : 1)

function plainAdmission(admission: Admission): PlainAdmission {
  if (admission.kind === 'held') return { held: admission.outputMax }
  return { refused: admission.accounts.map(({ key }) => key).toSorted(compare), isBlockedByHolds: admission.isBlockedByHolds }
}

/** The largest output that a hard cap has room for; undefined where the call must be refused. */
function fitting(budget: Budget, bound: CallBound, room: number): number | undefined {
  if (budget.limit === 0) return undefined
  const least = budget.nearLimit === 'deny' ? bound.outputMax : bound.outputMin
  if (plainDemand(budget.unit, bound, least) > room) return undefined
  let output = bound.outputMax
  while (plainDemand(budget.unit, bound, output) > room) output--
  return output
}

/** Some share of what was held; more than all of it where the provider went beyond the bound. */
function usageOf({ bound, outputMax }: PlainCall, step: Step & { readonly kind: 'end' }): Usage {
  const input = Math.floor((bound.input * step.input) / 100)
  const output = Math.floor((bound.choices * outputMax * step.output) / 100)
  return {
    kind: 'reported',
    counts: { input: { total: input, cached: Math.floor((input * Math.min(100, step.cached)) / 100) }, output: { total: output } },
  }
}

function chargesOf(accounts: readonly Account[], usage: Usage): readonly number[] {
  const tokens = chargedTokens(usage)
  return accounts.map(({ budget }) => chargeIn(budget, tokens, costNanoUsd(tokens, PRICE)))
}

function plainCharge(unit: Unit, usage: Usage): number {
  if (usage.kind === 'none') return 0
  const { input: { total: input = 0, cached: cachedInput = 0 } = {}, output: { total: output = 0 } = {} } = usage.counts
  if (unit === 'requests') return 1
  return unit === 'tokens' ? input + output : Math.round(((input - cachedInput) * 2500 + cachedInput * 1250 + output * 10_001) / 1000)
}

test(`in ${RUNS} random lives of ${STEPS_MIN} steps and more, every account equals its calls added up afresh after every step`, () => {
  const seen = { held: 0, clamped: 0, refused: 0, overruns: 0, alerts: 0, closes: 0, crashes: 0 }
  fc.assert(
    fc.property(lives, ({ budgets, steps: taken }) => {
      const life = new Life(budgets.map(({ edit, unit, period }, i) => define(i, unit, period, edit)))
      for (const step of taken) {
        life.take(step)
        life.check()
      }
      life.checkClosed()
      for (const [what, count] of Object.entries(life.seen)) seen[what as keyof typeof seen] += count
    }),
    { numRuns: RUNS },
  )
  // A run in which one of these never happened would have shown nothing of it.
  for (const count of Object.values(seen)) expect(count).toBeGreaterThan(RUNS / 4)
})

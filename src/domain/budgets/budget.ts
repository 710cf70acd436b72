import type { Amount, Unit } from '../amount.ts'
import type { BudgetId } from '../ids.ts'
import type { EpochMs } from '../instant.ts'
import { type Period, type PeriodRule, periodAt } from './period.ts'
import type { Attribute, Scope } from './scope.ts'
import type { Weights } from '../usage/weights.ts'

/** A budget as its owner defines it. */
export interface BudgetDefinition {
  readonly id: BudgetId
  readonly name: string
  readonly scope: Scope
  /** One account per value of this attribute; absent: one account for all calls in scope. */
  readonly each?: Attribute
  readonly unit: Unit
  readonly limit: Amount
  readonly period: PeriodRule
  /** Shares of the limit, ascending, each above 0 and at most 1. */
  readonly alertAt: readonly number[]
  readonly isHardCap: boolean
  /** What happens to a call whose maximum output does not fit any more: a smaller maximum, or a refusal. */
  readonly nearLimit: 'clamp' | 'deny'
  /** How long a call may wait for other calls' holds to come free before it is refused; 0: not at all. */
  readonly waitMs: number
  /** Where several processes count, the store decides about each call (absent, too), or each process within room lent to it. */
  readonly enforcement?: 'exact' | 'leased'
  /** What happens to a call in a budget in USD whose model has no price; absent: a hard cap refuses it, others let it in. */
  readonly unpriced?: 'refuse' | 'admit'
  /** What a token of each part counts in a budget in tokens; absent: 1 each. */
  readonly weights?: Weights
  readonly ownerEmail?: string
  /** Names of the channels that hear of this budget; absent: all. */
  readonly channels?: readonly string[]
  readonly notes?: string
  readonly managedBy: 'file' | 'api'
}

/** A budget in force: its definition and what its past says about where its accounts begin. */
export interface Budget extends BudgetDefinition {
  /** The period rule before an edit; it stays in force until the period that it had begun ends. */
  readonly before?: { readonly rule: PeriodRule; readonly until: EpochMs }
  /** No account begins earlier: the end of the last account that was closed, or the instant of the last reset. */
  readonly startsFrom?: EpochMs
  /** Deleted at this instant: it applies to no further call, and its accounts close when their period ends. */
  readonly archivedAt?: EpochMs
}

/** True where a call to a model without a price is refused, since its cost could not be held. */
export function refusesUnpriced({ unit, isHardCap, unpriced }: BudgetDefinition): boolean {
  return unit === 'usd' && (unpriced ?? (isHardCap ? 'refuse' : 'admit')) === 'refuse'
}

/**
 * The budget after an edit at `now`. Usage stays where it is: a new limit, name or scope keeps the account, a new period rule
 * waits for the end of the current period, and another unit or `each` (whose amounts can't be compared) begins new accounts,
 * as does the first period of what was a total: there is no end to wait for.
 */
export function revise(previous: Budget | undefined, definition: BudgetDefinition, now: EpochMs): Budget {
  if (previous === undefined) return definition
  const ruleNow = ruleAt(previous, Math.max(now, previous.startsFrom ?? 0))
  const isSameRule = cutsTimeAlike(ruleNow, definition.period)
  const leavesTotal = ruleNow.kind === 'total' && !isSameRule
  if (leavesTotal || previous.unit !== definition.unit || previous.each !== definition.each)
    return { ...definition, startsFrom: afterOpenAccount(previous, now) }
  if (isSameRule && previous.before === undefined) return { ...definition, ...keptStart(previous.startsFrom) }
  const { startsAt, endsAt } = accountPeriod(previous, now)
  return { ...definition, startsFrom: startsAt, ...(isSameRule ? {} : { before: { rule: ruleNow, until: endsAt } }) }
}

function cutsTimeAlike(a: PeriodRule, b: PeriodRule): boolean {
  return a.kind === b.kind && (a.kind === 'total' || a.timezone === b.timezone)
}

function keptStart(startsFrom: EpochMs | undefined): Pick<Budget, 'startsFrom'> {
  return startsFrom === undefined ? {} : { startsFrom }
}

/** The budget after a reset at `now`: its current accounts end, and the next ones begin at zero in the same period. */
export function restart(budget: Budget, now: EpochMs): Budget {
  return { ...budget, startsFrom: afterOpenAccount(budget, now) }
}

/** An account's key holds its start: one that begins anew begins at least a millisecond after the one before it. */
function afterOpenAccount(budget: Budget, now: EpochMs): EpochMs {
  return Math.max(now, accountPeriod(budget, now).startsAt + 1)
}

/**
 * The span of the budget's account in which a call admitted at `at` counts. The spans of a budget tile time from
 * `startsFrom` on; an instant before it (a clock that was set back) counts in the account that is open.
 */
export function accountPeriod(budget: Budget, at: EpochMs): Period {
  const openAt = Math.max(at, budget.startsFrom ?? 0)
  const period = periodAt(ruleAt(budget, openAt), openAt)
  const isAfterEdit = budget.before !== undefined && openAt >= budget.before.until
  const earliest = Math.max(budget.startsFrom ?? 0, isAfterEdit ? (budget.before?.until ?? 0) : 0)
  return earliest > period.startsAt ? { ...period, startsAt: earliest } : period
}

function ruleAt(budget: Budget, at: EpochMs): PeriodRule {
  return budget.before !== undefined && at < budget.before.until ? budget.before.rule : budget.period
}

import type { Budget, BudgetDefinition } from '../domain/budgets/budget.ts'
import type { BudgetId } from '../domain/ids.ts'
import type { EpochMs } from '../domain/instant.ts'
import type { AuditEntry } from '../domain/record.ts'
import { openCurrent } from './close.ts'
import type { BudgetBook } from './budget-book.ts'
import type { Catalog, Clock, Counters, Ids, Journal, Standing } from './ports.ts'

export interface ReconfigureDeps {
  readonly book: BudgetBook
  readonly counters: Counters
  readonly catalog: Catalog
  readonly clock: Clock
  readonly ids: Ids
  readonly journal: Journal
  /** Takes over what other processes changed. */
  readonly refresh: () => Promise<void>
}

/** Who wants a change, and why. */
export interface Change {
  readonly actor: string
  readonly reason: string
}

/**
 * Puts the budgets of the config file in force: what was used stays, a new period rule waits for the end of the current
 * period, and budgets that the file no longer names are archived. Audited.
 * @returns the budgets that changed
 */
export async function reconfigure(
  deps: ReconfigureDeps,
  definitions: readonly BudgetDefinition[],
  change: Change,
): Promise<readonly Budget[]> {
  const now = deps.clock.now()
  for (;;) {
    const newest = newestStarts(await deps.counters.standings())
    const changed = deps.book.changedBy(definitions, (budget) => Math.max(now, newest.get(budget) ?? 0))
    const before = new Map(changed.map(({ id }) => [id, deps.book.get(id)]))
    if (changed.length > 0 && !(await putInForce(deps, changed, now))) continue
    for (const budget of changed) await audit(deps, { ...change, ...editOf(before.get(budget.id), budget) })
    await cutContinued(deps)
    await openCurrent(deps, now)
    return changed
  }
}

function editOf(before: Budget | undefined, after: Budget): Pick<AuditEntry, 'action' | 'target'> & { before: unknown; after: unknown } {
  const action = after.archivedAt === undefined ? (before === undefined ? 'budget.create' : 'budget.update') : 'budget.archive'
  return { action, target: after.id, before: before ?? null, after }
}

/** Ends the budget's current accounts and begins new ones at zero in the same period; the old ones are closed with their sums. Audited. */
export async function reset(deps: ReconfigureDeps, budget: Budget, change: Change): Promise<Budget> {
  const now = deps.clock.now()
  for (;;) {
    const standings = await deps.counters.standings()
    const current = deps.book.get(budget.id) ?? budget
    const restarted = deps.book.restarted(current, Math.max(now, newestStarts(standings).get(budget.id) ?? 0))
    if (!(await putInForce(deps, [restarted], now))) continue
    const used = standings.filter((account) => account.budget.id === budget.id)
    const before = used.map(({ each, used, period }) => ({ account: each, used, from: period.startsAt }))
    await audit(deps, { ...change, action: 'budget.reset', target: budget.id, before, after: null })
    await cutContinued(deps)
    await openCurrent(deps, deps.clock.now())
    return restarted
  }
}

/** When each budget's newest account began: a clock that was set back must not let an edit reach behind it. */
function newestStarts(standings: readonly Standing[]): ReadonlyMap<BudgetId, EpochMs> {
  const newest = new Map<BudgetId, EpochMs>()
  for (const { budget, period } of standings) newest.set(budget.id, Math.max(period.startsAt, newest.get(budget.id) ?? 0))
  return newest
}

/** False where another process changed a budget first: then this edit has to be made from what it left. */
async function putInForce(deps: ReconfigureDeps, budgets: readonly Budget[], now: EpochMs): Promise<boolean> {
  const version = await deps.catalog.putBudgets(budgets, { at: now, version: deps.book.version })
  if (version === undefined) await deps.refresh()
  else deps.book.set(version, budgets)
  return version !== undefined
}

/**
 * Accounts that their edited budget no longer continues are cut at its new start, or where another one of theirs began before that;
 * also those that a process which died left so, or whose cut a store lost.
 */
export async function cutContinued({ book, counters }: Pick<ReconfigureDeps, 'book' | 'counters'>): Promise<void> {
  const next = new Map<string, EpochMs>()
  for (const { key, budget, each, period } of (await counters.standings()).toSorted((a, b) => b.period.startsAt - a.period.startsAt)) {
    const owner = `${budget.id}\n${each ?? ''}`
    const startsFrom = book.get(budget.id)?.startsFrom ?? 0
    const endsAt = Math.min(period.startsAt < startsFrom ? startsFrom : Infinity, next.get(owner) ?? Infinity)
    if (endsAt < period.endsAt) await counters.cut(key, endsAt)
    next.set(owner, period.startsAt)
  }
}

async function audit(
  deps: ReconfigureDeps,
  entry: Change & { readonly action: string; readonly target: string; readonly before: unknown; readonly after: unknown },
): Promise<void> {
  const { before, after, ...rest } = entry
  await deps.journal.append([
    {
      kind: 'audit',
      entry: { id: deps.ids.callId(), at: deps.clock.now(), ...rest, before: JSON.stringify(before), after: JSON.stringify(after) },
    },
  ])
}

import type { Budget, BudgetDefinition } from '../domain/budget.ts'
import type { BudgetId } from '../domain/ids.ts'
import type { EpochMs } from '../domain/instant.ts'
import { openCurrent } from './close.ts'
import type { BudgetBook } from './budget-book.ts'
import type { Clock, Counters, Ids, Journal } from './ports.ts'

export interface ReconfigureDeps {
  readonly book: BudgetBook
  readonly counters: Counters
  readonly clock: Clock
  readonly ids: Ids
  readonly journal: Journal
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
  const changed = deps.book.changedBy(definitions, (budget) => editedAt(deps.counters, budget, now))
  for (const budget of changed) {
    const before = deps.book.get(budget.id)
    await putInForce(deps, budget, now)
    const action = budget.archivedAt === undefined ? (before === undefined ? 'budget.create' : 'budget.update') : 'budget.archive'
    await audit(deps, { ...change, action, target: budget.id, before: before ?? null, after: budget })
  }
  await openCurrent(deps, now)
  return changed
}

/** Ends the budget's current accounts and begins new ones at zero in the same period; the old ones are closed with their sums. Audited. */
export async function reset(deps: ReconfigureDeps, budget: Budget, change: Change): Promise<Budget> {
  const now = deps.clock.now()
  const restarted = deps.book.restarted(budget, editedAt(deps.counters, budget.id, now))
  await putInForce(deps, restarted, now)
  const used = [...deps.counters.standings()].filter((account) => account.budget.id === budget.id)
  const before = used.map(({ each, used, period }) => ({ account: each, used, from: period.startsAt }))
  await audit(deps, { ...change, action: 'budget.reset', target: budget.id, before, after: null })
  await openCurrent(deps, deps.clock.now())
  return restarted
}

/** Now, but not before the budget's newest account began: a clock that was set back must not let an edit reach into the past. */
function editedAt(counters: Counters, budget: BudgetId, now: EpochMs): EpochMs {
  let at = now
  for (const account of counters.standings()) if (account.budget.id === budget) at = Math.max(at, account.period.startsAt)
  return at
}

/** Accounts that the edited budget no longer continues are cut at its new start. */
async function putInForce(deps: ReconfigureDeps, budget: Budget, now: EpochMs): Promise<void> {
  const startsFrom = budget.startsFrom ?? 0
  await deps.journal.append([{ kind: 'revised', budget, at: now }])
  for (const { key, budget: owner, period } of deps.counters.standings()) {
    if (owner.id === budget.id && period.startsAt < startsFrom && startsFrom < period.endsAt) await deps.counters.cut(key, startsFrom)
  }
  deps.book.set(budget)
  deps.counters.adopt(budget)
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

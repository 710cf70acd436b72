import type { Close } from '../domain/close.ts'
import type { EpochMs } from '../domain/instant.ts'
import { accountRef, type BudgetBook } from './budget-book.ts'
import type { Clock, Counters, Journal, Standing } from './ports.ts'

export interface CloseDeps {
  readonly book: BudgetBook
  readonly counters: Counters
  readonly clock: Clock
  readonly journal: Journal
}

/** What closing found: the accounts closed, and those that have ended but wait for calls that began in them. */
export interface Closing {
  readonly closed: readonly Close[]
  readonly waiting: readonly Standing[]
}

/**
 * Closes every account whose period has ended, each once, in the order in which they ended; an account with calls in flight
 * waits for them, so that they are in its sums. Budgets without `each` are closed for every period, also for those in which
 * nothing was used or Bursar was down.
 */
export async function closeEnded(deps: CloseDeps): Promise<Closing> {
  const closed: Close[] = []
  const now = deps.clock.now()
  await openCurrent(deps, now)
  const ended = [...deps.counters.standings()].filter(({ period }) => period.endsAt <= now)
  ended.sort((a, b) => a.period.endsAt - b.period.endsAt)
  const waiting = ended.filter(({ held }) => held > 0)
  const holding = new Set([...deps.counters.holds()].flatMap(({ charges }) => charges.map(({ account }) => account)))
  for (const { key } of ended.filter((account) => !holding.has(account.key))) {
    const close = await deps.counters.close(key, now)
    closed.push(close)
    await forbidReopening(deps, close)
  }
  return { closed, waiting }
}

/** Opens each budget's accounts from the last one that is open up to the one of `now`: no period is skipped. */
export async function openCurrent(deps: Pick<CloseDeps, 'book' | 'counters'>, now: EpochMs): Promise<void> {
  const lastEnd = new Map<string, EpochMs>()
  for (const { budget, period } of deps.counters.standings()) {
    lastEnd.set(budget.id, Math.max(period.endsAt, lastEnd.get(budget.id) ?? 0))
  }
  for (const budget of deps.book.all()) {
    if (budget.each !== undefined || budget.archivedAt !== undefined) continue
    let next = accountRef(budget, null, Math.min(lastEnd.get(budget.id) ?? now, now))
    await deps.counters.open(next)
    while (next.period.endsAt <= now) {
      next = accountRef(budget, null, next.period.endsAt)
      await deps.counters.open(next)
    }
  }
}

/** From now on no account of the budget begins before this close's end, even if the clock is set back. */
async function forbidReopening(deps: CloseDeps, close: Close): Promise<void> {
  const budget = deps.book.get(close.budget)
  if (budget === undefined || (budget.startsFrom ?? 0) >= close.period.endsAt) return
  const revised = { ...budget, startsFrom: close.period.endsAt }
  await deps.journal.append([{ kind: 'revised', budget: revised, at: close.closedAt }])
  deps.book.set(revised)
  deps.counters.adopt(revised)
}

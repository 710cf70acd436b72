import type { Close } from '../domain/accounts/close.ts'
import type { AccountKey } from '../domain/ids.ts'
import type { EpochMs } from '../domain/instant.ts'
import { accountRef, type BudgetBook } from './budget-book.ts'
import type { ClockTrust } from './clock-trust.ts'
import type { Catalog, Clock, Counters, Standing } from './ports.ts'

export interface CloseDeps {
  readonly book: BudgetBook
  readonly counters: Counters
  readonly catalog: Catalog
  readonly clock: Clock
  readonly refresh: () => Promise<void>
  readonly trust: ClockTrust
}

/** What closing found: the accounts closed, and those that have ended but wait for calls that began in them. */
export interface Closing {
  readonly closed: readonly Close[]
  readonly waiting: readonly Standing[]
}

/**
 * Closes every account whose period has ended, each once, in the order in which they ended; an account with calls in flight
 * waits for them, so that they are in its sums. Budgets without `each` are closed for every period, also for those in which
 * nothing was used or Bursar was down. Nothing is closed by a clock that is not believed.
 * @param known accounts that were found ended before, whose successors are open
 */
export async function closeEnded(deps: CloseDeps, known: ReadonlySet<AccountKey> = new Set()): Promise<Closing> {
  const now = deps.clock.now()
  const found = await deps.counters.ended(now)
  if (!deps.trust.believes(now, newestOf(found, now))) return { closed: [], waiting: [] }
  if (found.some(({ key }) => !known.has(key))) await openCurrent(deps, now)
  const ended = (await deps.counters.ended(now)).toSorted((a, b) => a.period.endsAt - b.period.endsAt)
  const closed: Close[] = []
  for (const account of ended.filter(({ callsInFlight }) => callsInFlight === 0)) {
    await forbidReopening(deps, account, now)
    const close = await deps.counters.close(account.key, now)
    if (close !== undefined) closed.push(close)
  }
  return { closed, waiting: ended.filter(({ callsInFlight }) => callsInFlight > 0) }
}

/** When the last of these accounts ended, which is a right time or near one; `now` where there is none. */
function newestOf(ended: readonly Standing[], now: EpochMs): EpochMs {
  return ended.length === 0 ? now : ended.reduce((newest, { period }) => Math.max(newest, period.endsAt), 0)
}

/** Opens each budget's accounts from the last one that is open up to the one of `now`: no period is skipped. */
export async function openCurrent(deps: Pick<CloseDeps, 'book' | 'counters'>, now: EpochMs): Promise<void> {
  const lastEnd = new Map<string, EpochMs>()
  for (const { budget, period } of await deps.counters.standings()) {
    lastEnd.set(budget.id, Math.max(period.endsAt, lastEnd.get(budget.id) ?? 0))
  }
  for (const budget of deps.book.alwaysOpen()) {
    let next = accountRef(budget, null, Math.min(lastEnd.get(budget.id) ?? now, now))
    await deps.counters.open(next)
    while (next.period.endsAt <= now) {
      next = accountRef(budget, null, next.period.endsAt)
      await deps.counters.open(next)
    }
  }
}

/** From now on no account of the budget begins before this one's end, even if the clock is set back. */
async function forbidReopening(deps: CloseDeps, { budget: { id }, period }: Standing, now: EpochMs): Promise<void> {
  for (;;) {
    const budget = deps.book.get(id)
    if (budget === undefined || (budget.startsFrom ?? 0) >= period.endsAt) return
    const revised = { ...budget, startsFrom: period.endsAt }
    const version = await deps.catalog.putBudgets([revised], { at: now, version: deps.book.version })
    if (version !== undefined) return deps.book.set(version, [revised])
    await deps.refresh()
  }
}

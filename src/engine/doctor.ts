import { roomOf } from '../domain/accounts/account.ts'
import type { Amount } from '../domain/amount.ts'
import type { AccountKey } from '../domain/ids.ts'
import type { Clock, Counters, Journal, Ledger, LedgerDifference, OlderCalls, SetAsideRecords, Standing, UnpricedModel } from './ports.ts'

/** What a check of all sums found. */
export interface Diagnosis {
  readonly differences: readonly LedgerDifference[]
  /** Calls in flight when it was made; their holds are in no sum of the ledger. */
  readonly callsInFlight: number
  /** Models of the last 30 days that have no price; most tokens first. */
  readonly unpriced: readonly UnpricedModel[]
  /** Records that could not be applied: what they say is in no sum. */
  readonly setAside: SetAsideRecords
  /** How far calls of an older version are counted by their admission, and in price lines; absent: all are. */
  readonly olderCalls?: OlderCalls
  /** What keeps records from becoming durable; undefined: nothing. */
  readonly trouble?: string
}

/**
 * Recomputes every sum from the ledger's calls, and compares the running counters with them.
 * A counter that a settlement moves while the ledger is read is looked at again, so that a busy server shows no false difference.
 */
export async function diagnose(deps: {
  readonly counters: Counters
  readonly ledger: Ledger
  readonly journal: Journal
  readonly clock: Clock
}): Promise<Diagnosis> {
  const stored = await deps.ledger.differences()
  const trouble = deps.journal.trouble()
  const olderCalls = await deps.ledger.olderCalls()
  return {
    differences: [...stored, ...(await counterDifferences(deps))],
    unpriced: await deps.ledger.unpriced(deps.clock.now() - UNPRICED_MS),
    setAside: await deps.ledger.setAside({ limit: SET_ASIDE_MAX }),
    callsInFlight: (await deps.counters.holds()).length,
    ...(olderCalls.left === 0 ? {} : { olderCalls }),
    ...(trouble === undefined ? {} : { trouble }),
  }
}

/** Of those that were set aside, the newest are listed. */
const SET_ASIDE_MAX = 100
const UNPRICED_MS = 30 * 86_400_000
const TRIES = 5

async function counterDifferences(deps: { counters: Counters; ledger: Ledger }): Promise<readonly LedgerDifference[]> {
  let differences: readonly LedgerDifference[] = []
  for (let tries = 0; tries < TRIES; tries++) {
    const before = await usedByAccount(deps.counters)
    const sums = new Map((await deps.ledger.sums()).map(({ account, used }) => [account, used]))
    const after = await usedByAccount(deps.counters)
    const isStill = (account: AccountKey) => before.get(account) === after.get(account)
    differences = [...after]
      .filter(([account, used]) => used !== (sums.get(account) ?? 0))
      .map(([account, used]) => ({ account, what: 'counter', calls: sums.get(account) ?? 0, other: used }))
    if (differences.every(({ account }) => isStill(account))) return differences
  }
  return differences
}

async function usedByAccount(counters: Counters): Promise<ReadonlyMap<AccountKey, number>> {
  return new Map((await counters.standings()).map(({ key, used }) => [key, used]))
}

/** What calls used beyond their holds and thereby beyond a hard cap; 0 where the cap held. */
export function overshootOf(standing: Standing): Amount {
  const beyond = Math.min(standing.overrun, -roomOf(standing))
  return standing.budget.isHardCap && beyond > 0 ? beyond : 0
}

import type { Account } from '../accounts/account.ts'
import { capOf } from '../accounts/account.ts'
import type { EpochMs } from '../instant.ts'

/** Where an account will stand when its period ends, in its own unit. */
export interface Forecast {
  /** Undefined where the period has no end, or too little of it is over to say. */
  readonly expected?: number
  /** When the limit is reached at this rate, where that is before the period ends. */
  readonly exhaustedAt?: EpochMs
}

/** A period of which less is over tells nothing yet. */
const SHARE_MIN = 0.01

/** The straight line through zero at the period's start and what is used now. */
export function forecastOf(account: Readonly<Account>, now: EpochMs): Forecast {
  const { startsAt, endsAt, kind } = account.period
  const elapsedMs = now - startsAt
  if (account.used >= capOf(account)) return { ...expectedBy(account, now), exhaustedAt: now }
  if (kind === 'total' || elapsedMs < (endsAt - startsAt) * SHARE_MIN || account.used === 0) return expectedBy(account, now)
  const exhaustedAt = Math.round(startsAt + (elapsedMs * capOf(account)) / account.used)
  return exhaustedAt < endsAt ? { ...expectedBy(account, now), exhaustedAt } : expectedBy(account, now)
}

function expectedBy(account: Readonly<Account>, now: EpochMs): Forecast {
  const { startsAt, endsAt, kind } = account.period
  const share = (now - startsAt) / (endsAt - startsAt)
  return kind === 'total' || share < SHARE_MIN ? {} : { expected: Math.round(account.used / share) }
}

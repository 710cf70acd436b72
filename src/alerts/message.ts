import type { Alert } from '../domain/accounts/alert.ts'
import { formatAmount, formatNumber } from '../domain/amount.ts'
import type { EpochMs } from '../domain/instant.ts'
import { EXHAUSTED } from '../domain/accounts/threshold.ts'
import { plainLine } from './plain-line.ts'

const NAME_LENGTH_MAX = 120
const ID_LENGTH_MAX = 200
const BAR_LENGTH = 20
const [MINUTE, HOUR, DAY] = [60_000, 3_600_000, 86_400_000]

/** What a message about an alert says, whatever the channel. All text is one plain line each, not escaped for any format. */
export interface Message {
  readonly title: string
  /** What the alert means for the calls to come. */
  readonly explanation: string
  readonly isExhausted: boolean
  /** Used share of the limit in per cent, one decimal, rounded down: never 100 before the limit is reached. */
  readonly percent: number
  /** 20 characters of `#` and `-`. */
  readonly bar: string
  /** What there is to know, with the label that people read. */
  readonly facts: readonly Fact[]
}

export interface Fact {
  readonly label: string
  readonly value: string
}

/** Depends on nothing but the alert: a retry says the same as the first try. */
export function messageOf(alert: Alert): Message {
  const percent = percentOf(alert)
  return {
    title: titleOf(alert, percent),
    explanation: explanationOf(alert),
    isExhausted: isExhausted(alert),
    percent,
    bar: barOf(percent),
    facts: factsOf(alert, percent),
  }
}

/** True where the budget is used up, false where it has only reached a threshold. */
export function isExhausted(alert: Alert): boolean {
  return alert.threshold >= EXHAUSTED
}

/** Used share of the limit in per cent, one decimal, rounded down; 100 where the limit is 0. */
export function percentOf({ used, limit }: Pick<Alert, 'used' | 'limit'>): number {
  return limit === 0 ? 100 : Math.floor((used * 1000) / limit) / 10
}

/** The end of the alert's period; null where it never ends. */
export function resetsAt({ period }: Pick<Alert, 'period'>): EpochMs | null {
  return period.kind === 'total' ? null : period.endsAt
}

/** The budget's name, and the `each` value where there is one account per value. */
function subjectOf({ name, each }: Alert): string {
  const budget = plainLine(name, NAME_LENGTH_MAX)
  return each === null ? budget : `${budget}: ${plainLine(each, NAME_LENGTH_MAX)}`
}

function titleOf(alert: Alert, percent: number): string {
  const subject = subjectOf(alert)
  if (isExhausted(alert) && alert.isHardCap) return `${subject} is exhausted: hard cap, further calls are refused ${untilOf(alert)}`
  const kind = alert.isHardCap ? 'hard cap' : isExhausted(alert) ? 'exhausted, advisory: calls go on' : 'advisory'
  return `${subject} has used ${percentText(percent)} of its ${formatAmount(alert.unit, alert.limit)} (${kind})`
}

function explanationOf(alert: Alert): string {
  if (!alert.isHardCap) return 'This budget is advisory: calls go on, also beyond the limit.'
  if (!isExhausted(alert)) return 'This budget has a hard cap: a call that does not fit into what is left is refused.'
  const left = alert.limit - alert.used
  const why = left > 0 ? `A call did not fit into the ${formatAmount(alert.unit, left)} that are left` : 'The limit is reached'
  return `${why}: calls beyond the limit are refused ${untilOf(alert)}.`
}

function untilOf(alert: Alert): string {
  const end = resetsAt(alert)
  return end === null ? 'until the limit is raised' : `until ${minuteText(end)}`
}

function factsOf(alert: Alert, percent: number): readonly Fact[] {
  const { budget, each, period, unit } = alert
  return [
    { label: 'Budget', value: `${plainLine(alert.name, NAME_LENGTH_MAX)} (${plainLine(budget, ID_LENGTH_MAX)})` },
    ...(each === null ? [] : [{ label: 'Account', value: plainLine(each, NAME_LENGTH_MAX) }]),
    { label: 'Used / limit', value: `${formatNumber(unit, alert.used)} / ${formatAmount(unit, alert.limit)}` },
    { label: 'Share', value: percentText(percent) },
    { label: 'Limit', value: alert.isHardCap ? 'hard cap: calls beyond it are refused' : 'advisory: calls go on' },
    { label: 'Period', value: period.name },
    { label: 'Resets', value: resetText(alert) },
    { label: 'Reached', value: minuteText(alert.at) },
  ]
}

// Counted from the alert, not from now: the text is the same on every retry.
function resetText(alert: Alert): string {
  const end = resetsAt(alert)
  return end === null ? 'never (the budget has no period)' : `${minuteText(end)}, ${spanText(end - alert.at)} after this alert`
}

function spanText(spanMs: number): string {
  if (spanMs >= 2 * DAY) return `${Math.floor(spanMs / DAY)} days`
  if (spanMs >= 2 * HOUR) return `${Math.floor(spanMs / HOUR)} hours`
  if (spanMs >= HOUR && spanMs < HOUR + MINUTE) return 'an hour'
  const minutes = Math.max(0, Math.floor(spanMs / MINUTE))
  return minutes === 1 ? 'a minute' : `${minutes} minutes`
}

function minuteText(at: EpochMs): string {
  return `${new Date(at).toISOString().slice(0, 16).replace('T', ' ')} UTC`
}

function percentText(percent: number): string {
  return `${percent.toLocaleString('en-US', { minimumFractionDigits: 1, maximumFractionDigits: 1 })} %`
}

function barOf(percent: number): string {
  const filled = Math.min(BAR_LENGTH, Math.floor((percent / 100) * BAR_LENGTH))
  return '#'.repeat(filled) + '-'.repeat(BAR_LENGTH - filled)
}

import { assert } from '../defect.ts'
import { END_OF_TIME, type EpochMs } from '../instant.ts'

/** How often a budget's amount begins anew. Weeks begin on Monday; `total` never ends. */
export type PeriodKind = 'hour' | 'day' | 'week' | 'month' | 'quarter' | 'year' | 'total'

export const PERIOD_KINDS: readonly PeriodKind[] = ['hour', 'day', 'week', 'month', 'quarter', 'year', 'total']

type CalendarKind = Exclude<PeriodKind, 'hour' | 'total'>

/** A rule that cuts time into periods, by the calendar of an IANA time zone. */
export interface PeriodRule {
  readonly kind: PeriodKind
  readonly timezone: string
}

/** A half-open span of time, `startsAt <= t < endsAt`, with the name people give it: `2026-10`, `2026-W44`, `2026-Q4`. */
export interface Period {
  readonly kind: PeriodKind
  readonly startsAt: EpochMs
  readonly endsAt: EpochMs
  readonly name: string
}

const ALWAYS: Period = { kind: 'total', startsAt: 0, endsAt: END_OF_TIME, name: 'total' }

/** True for names of the IANA time zone database, and for `UTC`; not for offsets and date strings, which Temporal takes too. */
export function isTimezone(name: string): boolean {
  try {
    Temporal.Instant.fromEpochMilliseconds(0).toZonedDateTimeISO(name)
    return /^[A-Za-z]/.test(name)
  } catch {
    return false
  }
}

/**
 * The period in which an instant lies. The periods of a rule tile time: half-open, without a gap or an overlap, over every
 * change of the zone's offset (a day of 23 or 25 hours, a day that begins at 01:00, a date that a zone skipped).
 * @param at an instant >= 0
 */
export function periodAt(rule: PeriodRule, at: EpochMs): Period {
  if (rule.kind === 'total') return ALWAYS
  const local = Temporal.Instant.fromEpochMilliseconds(at).toZonedDateTimeISO(rule.timezone)
  const period = rule.kind === 'hour' ? hourOf(local) : calendarPeriodOf(rule.kind, local)
  assert(period.startsAt <= at && at < period.endsAt, `${at} lies in its ${rule.kind} of ${rule.timezone}`)
  return period
}

/** Offsets may change by half an hour (Lord Howe): then a period ends at the change, so that none overlaps another. */
function hourOf(local: Temporal.ZonedDateTime): Period {
  const intoHourMs = local.minute * 60_000 + local.second * 1000 + local.millisecond
  const startsAt = local.epochMilliseconds - intoHourMs
  // 'previous' is strictly before: a nanosecond later, a change at this very instant is found too.
  const changedAt = local.add({ nanoseconds: 1 }).getTimeZoneTransition('previous')?.epochMilliseconds ?? startsAt
  const changesAt = local.getTimeZoneTransition('next')?.epochMilliseconds ?? END_OF_TIME
  const offset = local.offset === '+00:00' ? 'Z' : local.offset
  return {
    kind: 'hour',
    startsAt: Math.max(startsAt, changedAt),
    endsAt: Math.min(startsAt + 3_600_000, changesAt),
    name: `${local.toPlainDate().toString()}T${String(local.hour).padStart(2, '0')}${offset}`,
  }
}

/** A zone that set its clocks back just after midnight (St. John's, 00:01) repeated an evening: it belongs to the day that had begun. */
function calendarPeriodOf(kind: CalendarKind, local: Temporal.ZonedDateTime): Period {
  const day = local.toPlainDate()
  const period = spanOf(kind, day, local.timeZoneId)
  return local.epochMilliseconds < period.endsAt ? period : spanOf(kind, day.add({ days: 1 }), local.timeZoneId)
}

function spanOf(kind: CalendarKind, day: Temporal.PlainDate, timezone: string): Period {
  const [first, length, name] = calendarSpan(kind, day)
  return {
    kind,
    startsAt: first.toZonedDateTime(timezone).epochMilliseconds,
    endsAt: first.add(length).toZonedDateTime(timezone).epochMilliseconds,
    name,
  }
}

function calendarSpan(
  kind: CalendarKind,
  day: Temporal.PlainDate,
): [first: Temporal.PlainDate, length: Temporal.DurationLike, name: string] {
  const year = String(day.year).padStart(4, '0')
  switch (kind) {
    case 'day':
      return [day, { days: 1 }, day.toString()]
    case 'week': {
      const week = `${day.yearOfWeek}-W${String(day.weekOfYear).padStart(2, '0')}`
      return [day.subtract({ days: day.dayOfWeek - 1 }), { days: 7 }, week]
    }
    case 'month':
      return [day.with({ day: 1 }), { months: 1 }, `${year}-${String(day.month).padStart(2, '0')}`]
    case 'quarter': {
      const quarter = Math.ceil(day.month / 3)
      return [day.with({ day: 1, month: quarter * 3 - 2 }), { months: 3 }, `${year}-Q${quarter}`]
    }
    case 'year':
      return [day.with({ day: 1, month: 1 }), { years: 1 }, year]
  }
}

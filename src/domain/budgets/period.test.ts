import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { END_OF_TIME } from '../instant.ts'
import { isTimezone, PERIOD_KINDS, type Period, periodAt, type PeriodRule } from './period.ts'

const at = (iso: string): number => Temporal.Instant.from(iso).epochMilliseconds
const ZONES = Intl.supportedValuesOf('timeZone')
const HOUR_MS = 3_600_000
const WALK_FROM = at('2020-01-01T00:00:00Z')
const WALK_TO = at('2041-01-01T00:00:00Z')

/** An assertion of vitest is dear: the walks, with a million instants, use this one. */
function must(condition: boolean, what: () => string): void {
  if (!condition) throw new Error(what())
}

/** The instants at which the zone changes its offset, from 2020 to 2040. */
function changesOf(timezone: string): readonly number[] {
  const changes: number[] = []
  let local = Temporal.Instant.fromEpochMilliseconds(WALK_FROM).toZonedDateTimeISO(timezone)
  for (;;) {
    const next = local.getTimeZoneTransition('next')
    if (next === null || next.epochMilliseconds >= WALK_TO) return changes
    changes.push(next.epochMilliseconds)
    local = next
  }
}

/** One zone for each way in which zones behave from 2020 to 2040: 84 of 418. */
function distinctZones(): readonly string[] {
  const byBehaviour = new Map<string, string>()
  for (const timezone of ZONES) {
    const instants = [WALK_FROM, ...changesOf(timezone)]
    const behaviour = instants.map(
      (instant) => `${instant}${Temporal.Instant.fromEpochMilliseconds(instant).toZonedDateTimeISO(timezone).offset}`,
    )
    byBehaviour.set(behaviour.join(' '), timezone)
  }
  return [...byBehaviour.values()]
}

/** Walks from period to period: each begins where the one before it ended, and (seen at every fourth) holds its last instant. */
function walk(rule: PeriodRule, from: number, to: number): number {
  let period = periodAt(rule, from)
  let count = 1
  for (; period.endsAt < to; count++) {
    const next = periodAt(rule, period.endsAt)
    const where = () => `${rule.kind} of ${rule.timezone} at ${Temporal.Instant.fromEpochMilliseconds(period.endsAt).toString()}`
    must(next.startsAt === period.endsAt, () => `a gap or an overlap: ${where()}`)
    must(next.endsAt > next.startsAt, () => `an empty period: ${where()}`)
    must(next.name !== period.name, () => `two periods of one name, ${next.name}: ${where()}`)
    if (count % 4 === 0) must(isSame(periodAt(rule, next.endsAt - 1), next), () => `its last instant lies elsewhere: ${where()}`)
    period = next
  }
  return count
}

function isSame(a: Period, b: Period): boolean {
  return a.startsAt === b.startsAt && a.endsAt === b.endsAt && a.name === b.name && a.kind === b.kind
}

describe('periods tile time', () => {
  test('months follow each other without gap or overlap in every time zone from 2020 to 2040', () => {
    for (const timezone of ZONES) {
      expect(walk({ kind: 'month', timezone }, WALK_FROM, WALK_TO)).toBeGreaterThanOrEqual(252)
    }
  })

  test('weeks, quarters and years do so wherever zones differ', () => {
    for (const timezone of distinctZones()) {
      expect(walk({ kind: 'week', timezone }, WALK_FROM, WALK_TO)).toBeGreaterThanOrEqual(1096)
      expect(walk({ kind: 'quarter', timezone }, WALK_FROM, WALK_TO)).toBeGreaterThanOrEqual(84)
      expect(walk({ kind: 'year', timezone }, WALK_FROM, WALK_TO)).toBeGreaterThanOrEqual(21)
    }
  })

  test('days and hours do so around every change of an offset, at the change itself and a millisecond beside it', () => {
    let changes = 0
    for (const timezone of distinctZones()) {
      for (const change of changesOf(timezone)) {
        changes++
        walk({ kind: 'day', timezone }, change - 36 * HOUR_MS, change + 36 * HOUR_MS)
        walk({ kind: 'hour', timezone }, change - 3 * HOUR_MS, change + 3 * HOUR_MS)
        const faults = PERIOD_KINDS.flatMap((kind) => [-1, 0, 1].map((ms) => faultAt({ kind, timezone }, change + ms)))
        must(
          faults.every((fault) => fault === undefined),
          () => `${timezone} at ${change}: ${faults.join(' ')}`,
        )
      }
    }
    expect(changes).toBeGreaterThan(1000)
  })

  test('days do so through whole years of 23 and 25 hours', () => {
    expect(walk({ kind: 'day', timezone: 'Europe/Berlin' }, at('2024-01-01T00:00:00Z'), at('2029-01-01T00:00:00Z'))).toBe(1828)
    expect(walk({ kind: 'day', timezone: 'America/Santiago' }, at('2024-01-01T03:00:00Z'), at('2029-01-01T03:00:00Z'))).toBe(1827)
  })

  test('at any instant since 1970, in any zone, of any kind', () => {
    const rules = fc.record({ kind: fc.constantFrom(...PERIOD_KINDS), timezone: fc.constantFrom(...ZONES) })
    const instants = fc.integer({ min: 0, max: at('2100-01-01T00:00:00Z') })
    fc.assert(
      fc.property(rules, instants, (rule, instant) => {
        expect(faultAt(rule, instant)).toBeUndefined()
      }),
      { numRuns: 20_000 },
    )
  })

  test('at any instant near any change of an offset since 1970', () => {
    const changes = fc.tuple(fc.constantFrom(...ZONES), fc.integer({ min: 0, max: WALK_TO })).map(([timezone, from]) => {
      const change = Temporal.Instant.fromEpochMilliseconds(from).toZonedDateTimeISO(timezone).getTimeZoneTransition('next')
      return { timezone, change: change?.epochMilliseconds ?? from }
    })
    const offsets = fc.oneof(fc.integer({ min: -2, max: 2 }), fc.integer({ min: -2 * HOUR_MS, max: 2 * HOUR_MS }))
    fc.assert(
      fc.property(changes, offsets, fc.constantFrom(...PERIOD_KINDS), ({ timezone, change }, offset, kind) => {
        expect(faultAt({ kind, timezone }, Math.max(0, change + offset))).toBeUndefined()
      }),
      { numRuns: 20_000 },
    )
  })
})

/** What is wrong there: an instant lies in its period, and the neighbours end and begin where the period does. */
function faultAt(rule: PeriodRule, instant: number): string | undefined {
  const period = periodAt(rule, instant)
  if (instant < period.startsAt || instant >= period.endsAt) return 'outside of its period'
  if (!isSame(periodAt(rule, period.startsAt), period)) return 'its first instant lies elsewhere'
  if (!isSame(periodAt(rule, period.endsAt - 1), period)) return 'its last instant lies elsewhere'
  if (period.endsAt < END_OF_TIME && periodAt(rule, period.endsAt).startsAt !== period.endsAt) return 'a gap or an overlap after it'
  if (period.startsAt > 0 && periodAt(rule, period.startsAt - 1).endsAt !== period.startsAt) return 'a gap or an overlap before it'
  return undefined
}

interface Case {
  readonly guarantee: string
  readonly rule: PeriodRule
  readonly instant: number
  readonly from: number
  readonly to: number
  readonly name: string
}

/** Reads two lines a case: the guarantee, and `kind of zone at instant: start to end name`. */
function parseCases(text: string): readonly Case[] {
  const lines = text
    .trim()
    .split('\n')
    .map((line) => line.trim())
  const cases: Case[] = []
  for (let i = 0; i < lines.length; i += 2) {
    const [kind, , timezone = '', , instant = '', from = '', , to = '', name = ''] = (lines[i + 1] ?? '').split(' ')
    const rule = { kind: PERIOD_KINDS.find((known) => known === kind)!, timezone }
    cases.push({ guarantee: lines[i] ?? '', rule, instant: at(instant.slice(0, -1)), from: at(from), to: at(to), name })
  }
  return cases
}

describe('a period has the bounds and the name that people give it', () => {
  const CASES = `
    a month begins at local midnight and ends at local midnight
      month of Europe/Berlin at 2026-10-31T22:59:59.999Z: 2026-09-30T22:00Z to 2026-10-31T23:00Z 2026-10
    the next month begins with the millisecond that follows
      month of Europe/Berlin at 2026-10-31T23:00Z: 2026-10-31T23:00Z to 2026-11-30T23:00Z 2026-11
    a February of a leap year has 29 days
      month of UTC at 2028-02-29T23:59:59.999Z: 2028-02-01T00:00Z to 2028-03-01T00:00Z 2028-02
    a February of no leap year has 28
      month of UTC at 2026-02-28T23:59:59.999Z: 2026-02-01T00:00Z to 2026-03-01T00:00Z 2026-02
    29 February is a day
      day of Asia/Tokyo at 2028-02-29T12:00Z: 2028-02-28T15:00Z to 2028-02-29T15:00Z 2028-02-29
    a day on which clocks go forward has 23 hours
      day of Europe/Berlin at 2026-03-29T10:00Z: 2026-03-28T23:00Z to 2026-03-29T22:00Z 2026-03-29
    a day on which clocks go back has 25 hours
      day of Europe/Berlin at 2026-10-25T10:00Z: 2026-10-24T22:00Z to 2026-10-25T23:00Z 2026-10-25
    a day without a midnight begins at 01:00
      day of America/Sao_Paulo at 2015-10-18T12:00Z: 2015-10-18T03:00Z to 2015-10-19T02:00Z 2015-10-18
    the day before it ends there
      day of America/Sao_Paulo at 2015-10-18T02:59Z: 2015-10-17T03:00Z to 2015-10-18T03:00Z 2015-10-17
    the day before a date that a zone skipped ends where the day after it begins
      day of Pacific/Apia at 2011-12-30T09:59Z: 2011-12-29T10:00Z to 2011-12-30T10:00Z 2011-12-29
    a date that a zone skipped is no day
      day of Pacific/Apia at 2011-12-30T10:00Z: 2011-12-30T10:00Z to 2011-12-31T10:00Z 2011-12-31
    a month with a skipped date is whole
      month of Pacific/Apia at 2011-12-30T10:00Z: 2011-12-01T10:00Z to 2011-12-31T10:00Z 2011-12
    an evening repeated after midnight belongs to the day that had begun
      day of America/St_Johns at 2010-11-07T03:00Z: 2010-11-07T02:30Z to 2010-11-08T03:30Z 2010-11-07
    an hour follows the zone, also one that is half an hour off
      hour of Asia/Kolkata at 2026-10-15T12:45Z: 2026-10-15T12:30Z to 2026-10-15T13:30Z 2026-10-15T18+05:30
    an hour of UTC
      hour of UTC at 2026-10-15T12:59:59.999Z: 2026-10-15T12:00Z to 2026-10-15T13:00Z 2026-10-15T12Z
    the hour that clocks repeat is two hours: the first
      hour of Europe/Berlin at 2026-10-25T00:30Z: 2026-10-25T00:00Z to 2026-10-25T01:00Z 2026-10-25T02+02:00
    the hour that clocks repeat is two hours: the second
      hour of Europe/Berlin at 2026-10-25T01:30Z: 2026-10-25T01:00Z to 2026-10-25T02:00Z 2026-10-25T02+01:00
    the hour before clocks go back by half an hour is whole
      hour of Australia/Lord_Howe at 2026-04-04T14:59Z: 2026-04-04T14:00Z to 2026-04-04T15:00Z 2026-04-05T01+11:00
    the half hour that they repeat is a period, from its first instant
      hour of Australia/Lord_Howe at 2026-04-04T15:00Z: 2026-04-04T15:00Z to 2026-04-04T15:30Z 2026-04-05T01+10:30
    to its last
      hour of Australia/Lord_Howe at 2026-04-04T15:29:59.999Z: 2026-04-04T15:00Z to 2026-04-04T15:30Z 2026-04-05T01+10:30
    the half hour after clocks went forward by half an hour is a period
      hour of Australia/Lord_Howe at 2026-10-03T15:30Z: 2026-10-03T15:30Z to 2026-10-03T16:00Z 2026-10-04T02+11:00
    a week begins on Monday
      week of UTC at 2026-10-18T23:59Z: 2026-10-12T00:00Z to 2026-10-19T00:00Z 2026-W42
    the first days of January can be in the last week of the old year
      week of UTC at 2027-01-03T12:00Z: 2026-12-28T00:00Z to 2027-01-04T00:00Z 2026-W53
    the last days of December can be in the first week of the new year
      week of UTC at 2024-12-30T00:00Z: 2024-12-30T00:00Z to 2025-01-06T00:00Z 2025-W01
    a week over a change of clocks is an hour longer
      week of Europe/Berlin at 2026-10-25T12:00Z: 2026-10-18T22:00Z to 2026-10-25T23:00Z 2026-W43
    the first quarter
      quarter of UTC at 2026-03-31T23:59Z: 2026-01-01T00:00Z to 2026-04-01T00:00Z 2026-Q1
    the fourth quarter
      quarter of America/New_York at 2026-12-31T12:00Z: 2026-10-01T04:00Z to 2027-01-01T05:00Z 2026-Q4
    a year
      year of Pacific/Auckland at 2026-12-31T10:59Z: 2025-12-31T11:00Z to 2026-12-31T11:00Z 2026
  `

  test.each(parseCases(CASES))('$guarantee', ({ rule, instant, from, to, name }) => {
    expect(periodAt(rule, instant)).toEqual({ kind: rule.kind, name, startsAt: from, endsAt: to })
  })

  test('a total begins with time and never ends', () => {
    const always = { kind: 'total', name: 'total', startsAt: 0, endsAt: END_OF_TIME }
    expect(periodAt({ kind: 'total', timezone: 'UTC' }, 0)).toEqual(always)
    expect(periodAt({ kind: 'total', timezone: 'Asia/Tokyo' }, at('2999-01-01T00:00:00Z'))).toEqual(always)
  })
})

describe('a time zone is a name of the IANA database', () => {
  test.each(['UTC', 'Europe/Berlin', 'America/Argentina/Buenos_Aires', 'Etc/GMT+5', 'EST5EDT', 'europe/berlin'])('%s is one', (name) => {
    expect(isTimezone(name)).toBe(true)
  })

  test.each(['', 'Mars/Olympus', 'Berlin', '+05:30', '-0800', 'Z', '2020-01-01T00:00Z', '2020-01-01T00:00[Europe/Berlin]', 'UTC '])(
    '%o is none',
    (name) => {
      expect(isTimezone(name)).toBe(false)
    },
  )
})

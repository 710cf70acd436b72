import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { openAccount } from '../accounts/account.ts'
import { accountPeriod, type Budget, type BudgetDefinition, restart, revise } from './budget.ts'
import { toBudgetId } from '../ids.ts'
import { type PeriodKind, periodAt } from './period.ts'

const at = (iso: string): number => Temporal.Instant.from(iso.includes('T') ? iso : `${iso}T00:00Z`).epochMilliseconds
const iso = (instant: number): string =>
  Temporal.Instant.fromEpochMilliseconds(instant).toString().replace(':00Z', 'Z').replace('T00:00Z', '')
const HOUR_MS = 3_600_000

function define(more: Partial<BudgetDefinition> = {}): BudgetDefinition {
  return {
    id: toBudgetId('team:a'),
    name: 'A',
    scope: { team: 'a' },
    unit: 'tokens',
    limit: 1000,
    period: { kind: 'month', timezone: 'UTC' },
    alertAt: [0.8],
    isHardCap: true,
    nearLimit: 'clamp',
    waitMs: 0,
    managedBy: 'file',
    ...more,
  }
}

const periodOf = (kind: PeriodKind, timezone = 'UTC') => define({ period: { kind, timezone } })
const keyAt = (budget: Budget, instant: number) => openAccount(budget, null, accountPeriod(budget, instant)).key
const span = (budget: Budget, instant: string) => {
  const { startsAt, endsAt, name } = accountPeriod(budget, at(instant))
  return `${name} from ${iso(startsAt)} to ${iso(endsAt)}`
}

/** The accounts that follow each other from one instant to another. */
function spans(budget: Budget, from: string, to: string): readonly string[] {
  const found: string[] = []
  for (let instant = at(from); instant < at(to); instant = accountPeriod(budget, instant).endsAt) found.push(span(budget, iso(instant)))
  return found
}

describe('an edit never forgets usage', () => {
  const EDITS: readonly [what: string, edit: Partial<BudgetDefinition>][] = [
    ['limit', { limit: 5 }],
    ['name', { name: 'B' }],
    ['hard cap', { isHardCap: false }],
    ['thresholds', { alertAt: [0.1, 0.2] }],
    ['scope', { scope: { team: 'b' } }],
    ['owner and notes', { ownerEmail: 'x@example.com', notes: 'y' }],
  ]
  test.each(EDITS)('a new %s keeps the account and its period', (_what, edit) => {
    const before = revise(undefined, define(), at('2026-10-01'))
    const edited = revise(before, define(edit), at('2026-10-15'))
    expect(edited).toMatchObject(edit)
    for (const instant of ['2026-10-15', '2026-10-31', '2026-11-01']) expect(keyAt(edited, at(instant))).toBe(keyAt(before, at(instant)))
  })

  test('a budget that is new begins with the calendar', () => {
    expect(span(revise(undefined, define(), at('2026-10-15')), '2026-10-15')).toBe('2026-10 from 2026-10-01 to 2026-11-01')
  })

  test('a budget that was deleted and added again has its account again', () => {
    const before = revise(undefined, define(), at('2026-10-01'))
    const archived: Budget = { ...before, archivedAt: at('2026-10-10') }
    const again = revise(archived, define({ limit: 7 }), at('2026-10-20'))
    expect(again.archivedAt).toBeUndefined()
    expect(keyAt(again, at('2026-10-20'))).toBe(keyAt(before, at('2026-10-05')))
  })

  test('a new period rule keeps the account that is open', () => {
    const before = revise(undefined, define(), 0)
    const edited = revise(before, periodOf('day'), at('2026-10-15'))
    expect(keyAt(edited, at('2026-10-15'))).toBe(keyAt(before, at('2026-10-15')))
  })
})

describe('an edit never moves a period that has begun', () => {
  test('from month to week: the month ends first, then weeks follow without a gap', () => {
    const edited = revise(define(), periodOf('week'), at('2026-10-15T10:00Z'))
    expect(spans(edited, '2026-10-15', '2026-11-16')).toEqual([
      '2026-10 from 2026-10-01 to 2026-11-01',
      '2026-W44 from 2026-11-01 to 2026-11-02',
      '2026-W45 from 2026-11-02 to 2026-11-09',
      '2026-W46 from 2026-11-09 to 2026-11-16',
    ])
  })

  test('from day to month: the day ends first, then the rest of the month is an account', () => {
    const edited = revise(periodOf('day'), periodOf('month'), at('2026-10-15T10:00Z'))
    expect(spans(edited, '2026-10-15T10:00Z', '2026-12-01')).toEqual([
      '2026-10-15 from 2026-10-15 to 2026-10-16',
      '2026-10 from 2026-10-16 to 2026-11-01',
      '2026-11 from 2026-11-01 to 2026-12-01',
    ])
  })

  test('to another time zone: the month ends where it would have, then the new zone follows without a gap', () => {
    const edited = revise(define(), periodOf('month', 'America/New_York'), at('2026-10-15'))
    expect(spans(edited, '2026-10-15', '2026-12-15')).toEqual([
      '2026-10 from 2026-10-01 to 2026-11-01',
      '2026-10 from 2026-11-01 to 2026-11-01T04:00Z',
      '2026-11 from 2026-11-01T04:00Z to 2026-12-01T05:00Z',
      '2026-12 from 2026-12-01T05:00Z to 2027-01-01T05:00Z',
    ])
  })

  test('to a zone further east: the new month begins late, at the end of the old one', () => {
    const edited = revise(define(), periodOf('month', 'Asia/Tokyo'), at('2026-10-15'))
    expect(spans(edited, '2026-10-15', '2026-12-15')).toEqual([
      '2026-10 from 2026-10-01 to 2026-11-01',
      '2026-11 from 2026-11-01 to 2026-11-30T15:00Z',
      '2026-12 from 2026-11-30T15:00Z to 2026-12-31T15:00Z',
    ])
  })

  test('to a total: it counts from the end of the month', () => {
    const edited = revise(define(), periodOf('total'), at('2026-10-15'))
    expect(accountPeriod(edited, at('2026-10-20')).endsAt).toBe(at('2026-11-01'))
    expect(accountPeriod(edited, at('2030-01-01'))).toMatchObject({ kind: 'total', startsAt: at('2026-11-01') })
  })

  test('from a total: its account ends at the edit, since it would never end, and the rest of the month follows', () => {
    const edited = revise(periodOf('total'), define(), at('2026-10-15T10:00Z'))
    expect(spans(edited, '2026-10-15T10:00Z', '2026-12-01')).toEqual([
      '2026-10 from 2026-10-15T10:00Z to 2026-11-01',
      '2026-11 from 2026-11-01 to 2026-12-01',
    ])
  })

  test('a total is the same in every time zone, and keeps its account', () => {
    const edited = revise(periodOf('total'), periodOf('total', 'Asia/Tokyo'), at('2026-10-15'))
    expect(keyAt(edited, at('2026-10-15'))).toBe(keyAt(periodOf('total'), at('2026-10-15')))
  })

  test('a second edit before the first took effect replaces it', () => {
    const first = revise(define(), periodOf('week'), at('2026-10-15'))
    const second = revise(first, periodOf('day'), at('2026-10-20'))
    expect(spans(second, '2026-10-20', '2026-11-03')).toEqual([
      '2026-10 from 2026-10-01 to 2026-11-01',
      '2026-11-01 from 2026-11-01 to 2026-11-02',
      '2026-11-02 from 2026-11-02 to 2026-11-03',
    ])
  })

  test('a second edit back to the rule in force undoes the first', () => {
    const first = revise(define(), periodOf('week'), at('2026-10-15'))
    const second = revise(first, define(), at('2026-10-20'))
    expect(second.before).toBeUndefined()
    expect(spans(second, '2026-10-20', '2026-12-01')).toEqual([
      '2026-10 from 2026-10-01 to 2026-11-01',
      '2026-11 from 2026-11-01 to 2026-12-01',
    ])
  })

  test('an edit after the first took effect waits for the end of the new period', () => {
    const first = revise(define(), periodOf('week'), at('2026-10-15'))
    const second = revise(first, periodOf('day'), at('2026-11-04'))
    expect(spans(second, '2026-11-04', '2026-11-10')).toEqual([
      '2026-W45 from 2026-11-02 to 2026-11-09',
      '2026-11-09 from 2026-11-09 to 2026-11-10',
    ])
  })

  test('a new limit while a new rule waits changes nothing of either period', () => {
    const first = revise(define(), periodOf('week'), at('2026-10-15'))
    const second = revise(first, { ...periodOf('week'), limit: 5 }, at('2026-10-20'))
    expect(second.limit).toBe(5)
    expect(spans(second, '2026-10-20', '2026-11-09')).toEqual(spans(first, '2026-10-20', '2026-11-09'))
  })

  test('a new limit in the piece between an old rule and the new one keeps that piece', () => {
    const first = revise(define(), periodOf('week'), at('2026-10-15'))
    const second = revise(first, { ...periodOf('week'), limit: 5 }, at('2026-11-01T12:00Z'))
    expect(keyAt(second, at('2026-11-01T12:00Z'))).toBe(keyAt(first, at('2026-11-01T01:00Z')))
    expect(spans(second, '2026-11-01T12:00Z', '2026-11-09')).toEqual(spans(first, '2026-11-01', '2026-11-09'))
  })
})

describe('amounts that can not be compared are not mixed', () => {
  test.each<[what: string, edit: Partial<BudgetDefinition>]>([
    ['another unit', { unit: 'usd' }],
    ['another each', { each: 'user' }],
  ])('%s begins new accounts, which end with the period', (_what, edit) => {
    const before = revise(undefined, define(), 0)
    const edited = revise(before, define(edit), at('2026-10-15T10:00Z'))
    expect(span(edited, '2026-10-15T10:00Z')).toBe('2026-10 from 2026-10-15T10:00Z to 2026-11-01')
    expect(span(edited, '2026-11-05')).toBe('2026-11 from 2026-11-01 to 2026-12-01')
  })

  test('also in the very millisecond in which the account began', () => {
    const now = at('2026-10-01')
    const edited = revise(define(), define({ unit: 'usd' }), now)
    expect(keyAt(edited, now)).not.toBe(keyAt(define(), now))
    expect(accountPeriod(edited, now).endsAt).toBe(at('2026-11-01'))
  })

  test('a new rule that comes with it is in force at once', () => {
    const edited = revise(define(), define({ unit: 'usd', period: { kind: 'day', timezone: 'UTC' } }), at('2026-10-15T10:00Z'))
    expect(span(edited, '2026-10-15T10:00Z')).toBe('2026-10-15 from 2026-10-15T10:00Z to 2026-10-16')
  })
})

describe('a reset', () => {
  test('begins an account at that instant, which ends with the period, and then the calendar goes on', () => {
    const reset = restart(define(), at('2026-10-15T10:00Z'))
    expect(spans(reset, '2026-10-15T10:00Z', '2026-12-01')).toEqual([
      '2026-10 from 2026-10-15T10:00Z to 2026-11-01',
      '2026-11 from 2026-11-01 to 2026-12-01',
    ])
  })

  test('of a total begins it anew', () => {
    expect(accountPeriod(restart(periodOf('total'), at('2026-10-15')), at('2027-01-01'))).toMatchObject({ startsAt: at('2026-10-15') })
  })

  test('keeps a rule that waits', () => {
    const edited = revise(define(), periodOf('week'), at('2026-10-15'))
    expect(spans(restart(edited, at('2026-10-20')), '2026-10-20', '2026-11-09')).toEqual([
      '2026-10 from 2026-10-20 to 2026-11-01',
      '2026-W44 from 2026-11-01 to 2026-11-02',
      '2026-W45 from 2026-11-02 to 2026-11-09',
    ])
  })

  test('always begins another account: in the millisecond in which one began, repeated, and with a clock that was set back', () => {
    const now = at('2026-10-01')
    const first = restart(define(), now)
    const second = restart(first, now)
    const third = restart(second, now - HOUR_MS)
    const keys = [define(), first, second, third].map((budget) => keyAt(budget, now))
    expect(new Set(keys).size).toBe(4)
  })
})

describe('a clock that was set back', () => {
  test('counts in the account that is open, and opens none in the past', () => {
    const reset = restart(define(), at('2026-10-15T10:00Z'))
    expect(keyAt(reset, at('2026-10-15T09:00Z'))).toBe(keyAt(reset, at('2026-10-15T10:00Z')))
    expect(keyAt(reset, at('2026-09-15'))).toBe(keyAt(reset, at('2026-10-15T10:00Z')))
  })

  test('keeps the account of an edited budget', () => {
    const reset = restart(define(), at('2026-10-15T10:00Z'))
    const edited = revise(reset, define({ limit: 5 }), at('2026-10-15T09:00Z'))
    expect(keyAt(edited, at('2026-10-15T09:00Z'))).toBe(keyAt(reset, at('2026-10-15T10:00Z')))
    const ruled = revise(reset, periodOf('day'), at('2026-10-14'))
    expect(keyAt(ruled, at('2026-10-15T11:00Z'))).toBe(keyAt(reset, at('2026-10-15T10:00Z')))
  })
})

test("a budget's accounts tile time from its start on, whatever was edited and when", () => {
  const rules = fc.record({
    kind: fc.constantFrom<PeriodKind>('hour', 'day', 'week', 'month', 'quarter', 'year'),
    timezone: fc.constantFrom('UTC', 'Europe/Berlin', 'America/New_York', 'Asia/Kolkata', 'Australia/Lord_Howe'),
  })
  const edits = fc.array(
    fc.record({ rule: rules, hours: fc.integer({ min: 0, max: 900 }), what: fc.constantFrom('rule', 'limit', 'unit', 'reset') }),
    { maxLength: 6 },
  )
  fc.assert(
    fc.property(rules, edits, (rule, changes) => {
      let now = at('2026-01-15T10:00Z')
      let budget: Budget = define({ period: rule })
      for (const { rule: next, hours, what } of changes) {
        now += hours * HOUR_MS
        const open = accountPeriod(budget, now)
        const key = keyAt(budget, now)
        budget = edited(budget, next, what, now)
        const after = accountPeriod(budget, now)
        if (what === 'reset' || what === 'unit') expect(after.startsAt).toBe(Math.max(now, open.startsAt + 1))
        else expect([keyAt(budget, now), after.endsAt]).toEqual([key, open.endsAt])
      }
      expect(gapsAfter(budget, now)).toEqual([])
    }),
    { numRuns: 1000 },
  )
})

function edited(budget: Budget, rule: BudgetDefinition['period'], what: string, now: number): Budget {
  const { before: _before, startsFrom: _startsFrom, archivedAt: _archivedAt, ...definition } = budget
  if (what === 'reset') return restart(budget, now)
  if (what === 'limit') return revise(budget, { ...definition, limit: definition.limit + 1 }, now)
  if (what === 'unit') return revise(budget, { ...definition, unit: definition.unit === 'usd' ? 'tokens' : 'usd' }, now)
  return revise(budget, { ...definition, period: rule }, now)
}

/** Where the next 12 accounts do not follow each other, or lie outside of the calendar's periods. */
function gapsAfter(budget: Budget, from: number): readonly string[] {
  const gaps: string[] = []
  let period = accountPeriod(budget, from)
  for (let i = 0; i < 12; i++) {
    const next = accountPeriod(budget, period.endsAt)
    if (next.startsAt !== period.endsAt) gaps.push(`${iso(period.endsAt)} is followed by ${iso(next.startsAt)}`)
    if (accountPeriod(budget, next.endsAt - 1).startsAt !== next.startsAt) gaps.push(`the end of ${iso(next.startsAt)} lies elsewhere`)
    const rule = budget.before !== undefined && next.startsAt < budget.before.until ? budget.before.rule : budget.period
    if (next.endsAt !== periodAt(rule, next.startsAt).endsAt) gaps.push(`${iso(next.startsAt)} does not end with its period`)
    period = next
  }
  return gaps
}

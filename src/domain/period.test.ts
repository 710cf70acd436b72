import { expect, test } from 'vitest'
import { periodAt } from './period.ts'

const at = (iso: string) => Temporal.Instant.from(iso).epochMilliseconds

test('a month begins and ends at local midnight', () => {
  const period = periodAt({ kind: 'month', timezone: 'Europe/Berlin' }, at('2026-10-31T22:59:59Z'))
  expect(period).toEqual({ kind: 'month', name: '2026-10', startsAt: at('2026-09-30T22:00:00Z'), endsAt: at('2026-10-31T23:00:00Z') })
})

import { expect, test } from 'vitest'
import type { UsageQuery } from '../../engine/ports.ts'
import type { Row } from './row.ts'
import type { Step } from './statement.ts'
import { usage } from './usage-query.ts'

const SEPTEMBER = { from: Date.UTC(2026, 8), to: Date.UTC(2026, 8, 28) }

/** The statements of a question about a ledger with calls in all hours of summer, of which none come back. */
function stepsOf(asked: UsageQuery): readonly Step[] {
  const extent = { first: Date.UTC(2026, 5), last: Date.UTC(2026, 9) }
  const rowsFor = (step: Step): readonly Row[] => (step.kind === 'query' && step.sql.includes('min(hour)') ? [extent] : [])
  const found: Step[] = []
  const steps = usage(asked)
  for (let step = steps.next([]); step.done !== true; step = steps.next(rowsFor(step.value))) found.push(step.value)
  return found
}

test.each(['UTC', 'Europe/Berlin'])('a report by the day in %s waits for each rollup once, and not for each day', (timezone) => {
  const steps = stepsOf({ ...SEPTEMBER, groupBy: ['team'], interval: { kind: 'day', timezone } })
  const each = steps.filter((step) => step.kind === 'each')
  expect(each.length).toBeLessThanOrEqual(3)
  expect(each.reduce((sum, { rows }) => sum + rows.length, 0)).toBeGreaterThanOrEqual(27)
})

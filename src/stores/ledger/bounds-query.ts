import type { EpochMs } from '../../domain/instant.ts'
import type { BoundReport } from '../../engine/ports.ts'
import { CALLS_SINCE } from './older-calls.ts'
import { integer, text } from './row.ts'
import { query, type Steps } from './statement.ts'
import { DAY_MS } from './utc-grain.ts'

const BOUNDS = `
SELECT counted_at / ${DAY_MS} * ${DAY_MS} AS day, provider, model, count(*) AS calls,
  count(*) FILTER (WHERE input + output > held_input + held_output) AS passed,
  max(input + output - held_input - held_output) AS worst_excess,
  sum(spared) AS spared, sum(held_input + held_output) AS held, sum(input + output) AS used
FROM ${CALLS_SINCE} WHERE usage_kind = 'reported' AND held_input >= 0
GROUP BY 1, 2, 3 ORDER BY 1 DESC, used DESC, 2, 3`

/** How calls that were admitted at `from` or later kept to their bounds. */
export function* bounds(from: EpochMs): Steps<readonly BoundReport[]> {
  return (yield* query(BOUNDS, from, from)).map((row) => ({
    day: integer(row, 'day'),
    provider: text(row, 'provider'),
    model: text(row, 'model'),
    calls: integer(row, 'calls'),
    passed: integer(row, 'passed'),
    worstExcess: Math.max(0, integer(row, 'worst_excess')),
    spared: integer(row, 'spared'),
    held: integer(row, 'held'),
    used: integer(row, 'used'),
  }))
}

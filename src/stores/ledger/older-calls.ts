import type { EpochMs } from '../../domain/instant.ts'
import type { OlderCalls } from '../../engine/ports.ts'
import { integer } from './row.ts'
import { query, type Steps } from './statement.ts'

/*
 * All sums are by the instant of admission. Calls from before that was so are in the rollups by the instant at which they ended, and
 * in no price line. They are counted again from the last that ended to the first, in slices (`recount.ts`): `older_before` in
 * `meta` is how far that is. Three views tell them apart, and are exact at every instant of it:
 *
 *   calls            all of them; `counted_at` is the instant by which a call is in the rollups
 *   admitted_calls   those that are counted by their admission, found by it fast
 *   older_calls      those that are still counted by their end, found by it fast
 */

/** Behind every instant: where nothing is counted again yet, all calls without a form are older. */
export const ALL_OLDER: EpochMs = 8_640_000_000_000_001

/** How the rows of calls are written now; 0 is what older rows have. */
export const CALL_FORM = 1

/** Calls that ended before it are counted by their end, unless they were written with a form; 0: there are none any more. */
export function* olderBefore(): Steps<EpochMs> {
  const [row] = yield* query("SELECT value FROM meta WHERE name = 'older_before'")
  return row === undefined ? 0 : integer(row, 'value')
}

const COLUMNS = 'provider, model, price, usage_kind, input, output, cost_nano_usd, held_input, held_output, spared'

/** The calls that count from an instant on, which is the value of two `?`. */
export const CALLS_SINCE = `(
  SELECT admitted_at AS counted_at, ${COLUMNS} FROM admitted_calls WHERE admitted_at >= ?
  UNION ALL SELECT ended_at, ${COLUMNS} FROM older_calls WHERE ended_at >= ?
) AS asked`

/** How many were counted again, and how many are left. */
export function* olderCalls(): Steps<OlderCalls> {
  const before = yield* olderBefore()
  const [counted] = yield* query("SELECT value FROM meta WHERE name = 'recounted_calls'")
  const [left] = before === 0 ? [] : yield* query('SELECT count(*) AS calls FROM older_calls')
  return { counted: integer(counted ?? {}, 'value'), left: left === undefined ? 0 : integer(left, 'calls') }
}

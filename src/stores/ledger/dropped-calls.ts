import type { EpochMs } from '../../domain/instant.ts'
import { integer } from './row.ts'
import { bulk, type Bulk, query, type Steps } from './statement.ts'
import { DAY } from './utc-grain.ts'

/*
 * Calls that are old enough are dropped, in slices, each in a transaction of its own that also adds what they charged to what
 * their accounts have from calls that are gone: so an account is at all times what its calls and its dropped calls add up to.
 * Rollups, closes and accounts stay. Only whole UTC days are dropped, which no hour of a rollup straddles.
 */

/** Few enough that whatever waits for the database's one writer gets in between. */
const SLICE_CALLS = 5000

const CARRY: Bulk = {
  sql: `UPDATE accounts SET dropped_used = accounts.dropped_used + given.used, dropped_overrun = accounts.dropped_overrun + given.overrun
    FROM GIVEN WHERE accounts.id = given.id`,
  columns: { id: 'integer', used: 'integer', overrun: 'integer' },
}
const DROP = 'DELETE FROM ended_calls WHERE ended_at < ? RETURNING id'

/** The instant before which there are no calls any more, or soon will not be; 0: all are kept. A UTC day's start. */
export function* keptFrom(): Steps<EpochMs> {
  const [row] = yield* query("SELECT value FROM meta WHERE name = 'kept_from'")
  return row === undefined ? 0 : integer(row, 'value')
}

/** The UTC day's start up to which calls are dropped that ended before that instant. */
export function droppedUpTo(before: EpochMs): EpochMs {
  return DAY.floor(before)
}

/**
 * Drops the oldest calls that ended before that instant, within a transaction of the caller's.
 * @param before a UTC day's start
 * @returns how many; 0: there are none left
 */
export function* dropSlice(before: EpochMs): Steps<number> {
  // The trigger that keeps calls from being deleted lets those go that ended before.
  yield* query("UPDATE meta SET value = ? WHERE name = 'kept_from' AND value < ?", before, before)
  const [next] = yield* query('SELECT ended_at FROM ended_calls WHERE ended_at < ? ORDER BY ended_at LIMIT 1 OFFSET ?', before, SLICE_CALLS)
  const end = next === undefined ? before : integer(next, 'ended_at') + 1
  const charged = yield* query(
    'SELECT account, sum(used) AS used, sum(overrun) AS overrun FROM charged WHERE ended_at < ? GROUP BY account',
    end,
  )
  const carried = charged.map((row) => [integer(row, 'account'), integer(row, 'used'), integer(row, 'overrun')])
  yield* bulk(CARRY, carried)
  return (yield* query(DROP, end)).length
}

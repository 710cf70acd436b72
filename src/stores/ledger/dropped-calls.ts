import type { EpochMs } from '../../domain/instant.ts'
import { olderBefore } from './older-calls.ts'
import { fromJson, integer, type Row, text } from './row.ts'
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
const DROP: Bulk = { sql: 'DELETE FROM ended_calls WHERE id IN (SELECT id FROM GIVEN)', columns: { id: 'text' } }

/** The instant before which there are no calls any more, or soon will not be; 0: all are kept. A UTC day's start. */
export function* keptFrom(): Steps<EpochMs> {
  const [row] = yield* query("SELECT value FROM meta WHERE name = 'kept_from'")
  return row === undefined ? 0 : integer(row, 'value')
}

/** The UTC day's start up to which calls are dropped that were admitted before that instant. */
export function droppedUpTo(before: EpochMs): EpochMs {
  return DAY.floor(before)
}

/**
 * Drops the oldest calls that were admitted before that instant, within a transaction of the caller's; of those that still count
 * by their end, the oldest that ended before it.
 * @param before a UTC day's start
 * @returns how many; 0: there are none left
 */
export function* dropSlice(before: EpochMs): Steps<number> {
  // The trigger that keeps calls from being deleted lets those go that are older.
  yield* query("UPDATE meta SET value = ? WHERE name = 'kept_from' AND value < ?", before, before)
  const calls = yield* oldest(before)
  yield* bulk(
    CARRY,
    [...chargedBy(calls)].map(([account, sums]) => [account, ...sums]),
  )
  yield* bulk(
    DROP,
    calls.map((row) => [text(row, 'id')]),
  )
  return calls.length
}

function* oldest(before: EpochMs): Steps<readonly Row[]> {
  const asked = (calls: string, at: string) =>
    query(`SELECT id, charges FROM ${calls} WHERE ${at} < ? ORDER BY ${at} LIMIT ?`, before, SLICE_CALLS)
  const older = (yield* olderBefore()) > 0 ? yield* asked('older_calls', 'ended_at') : []
  return older.length > 0 ? older : yield* asked('admitted_calls', 'admitted_at')
}

type Charged = readonly (readonly [account: number, used: number, overrun: number])[]

function chargedBy(calls: readonly Row[]): ReadonlyMap<number, readonly [used: number, overrun: number]> {
  const sums = new Map<number, readonly [number, number]>()
  for (const row of calls) {
    for (const [account, used, overrun] of fromJson(text(row, 'charges'), isCharged)) {
      const [usedBefore, overrunBefore] = sums.get(account) ?? [0, 0]
      sums.set(account, [usedBefore + used, overrunBefore + overrun])
    }
  }
  return sums
}

function isCharged(value: unknown): value is Charged {
  return Array.isArray(value)
}

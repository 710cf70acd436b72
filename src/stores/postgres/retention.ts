import type pg from 'pg'
import type { EpochMs } from '../../domain/instant.ts'
import { droppedUpTo, dropSlice, keptFrom } from '../ledger/dropped-calls.ts'
import { text } from '../ledger/row.ts'
import { query, type Steps } from '../ledger/statement.ts'
import { inTransaction, type TransactionKind } from './connection.ts'
import { partitionEnd } from './dialect.ts'

const SLICE: TransactionKind = { mode: 'READ WRITE', statementMaxMs: 60_000 }
/** A partition that a report is reading is dropped another time: what comes next would have to wait behind it. */
const DROP: TransactionKind = { mode: 'READ WRITE', statementMaxMs: 60_000, lockMaxMs: 1000 }

/** @returns how many calls were dropped */
export async function dropCalls(pool: pg.Pool, before: EpochMs): Promise<number> {
  const day = droppedUpTo(before)
  let dropped = 0
  for (;;) {
    const slice = await inTransaction(pool, SLICE, () => alone(dropSlice(day)))
    if (slice === 0) break
    dropped += slice
  }
  for (const name of await inTransaction(pool, SLICE, emptyPartitions)) {
    await inTransaction(pool, DROP, () => alone(dropPartition(name))).catch(ignoreIfLocked)
  }
  return dropped
}

/** While no batch is applied, nor another process drops: both begin with the position. */
export function* alone<T>(steps: Steps<T>): Steps<T> {
  yield* query('SELECT id FROM stream FOR UPDATE')
  return yield* steps
}

/** Partitions of months from which no call is kept. */
function* emptyPartitions(): Steps<readonly string[]> {
  const kept = yield* keptFrom()
  const rows = yield* query(
    "SELECT relname FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid WHERE inhparent = 'ended_calls'::regclass",
  )
  return rows.map((row) => text(row, 'relname')).filter((name) => (partitionEnd(name) ?? Infinity) <= kept)
}

function* dropPartition(name: string): Steps<void> {
  const [row] = yield* query(`SELECT id FROM ${name} LIMIT 1`)
  if (row === undefined) yield* query(`DROP TABLE ${name}`)
}

const LOCK_NOT_AVAILABLE = '55P03'

function ignoreIfLocked(error: unknown): void {
  if (!(error instanceof Error && 'code' in error && error.code === LOCK_NOT_AVAILABLE)) throw error
}

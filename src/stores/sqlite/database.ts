import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite'
import { join } from 'node:path'
import { integer, type Row } from '../ledger/row.ts'
import type { Bulk, Step, Steps } from '../ledger/statement.ts'
import { makeOwnerOnly } from './owner-only.ts'
import { migrate } from './schema.ts'
import { explain } from './storage-error.ts'

/** `DATA_DIR/ledger.db` */
export function ledgerPath(dataDir: string): string {
  return join(dataDir, 'ledger.db')
}

/** A connection whose statements are compiled once. */
export interface Database {
  readonly run: (sql: string, ...values: readonly SQLInputValue[]) => number
  readonly first: (sql: string, ...values: readonly SQLInputValue[]) => Row | undefined
  /** Runs these statements, one after the other. */
  readonly steps: <T>(steps: Steps<T>) => T
  /** All of `work` or none of it; for reads, all of it from one state of the ledger. */
  readonly transaction: <T>(kind: 'IMMEDIATE' | 'DEFERRED', work: () => T) => T
  /** Moves the write-ahead log into the database and syncs it. @returns true where all of it was moved */
  readonly checkpoint: (mode: 'PASSIVE' | 'TRUNCATE') => boolean
  readonly close: () => void
}

const BUSY_TIMEOUT_MS = 5000
/** Of each connection. The system caches the file anyway: over ten million calls, 64 MB made no report and no batch faster (measured). */
const CACHE_KB = 4096
const RETRY_MS = 10
/** https://www.sqlite.org/rescode.html */
export const SQLITE_BUSY = 5

/**
 * A connection that writes; brings the schema up to date.
 * @param synchronous FULL: what is committed survives a power cut, also where no journal has it
 * @throws Failure store_unavailable where the file is damaged, read-only, newer than this code or the disk is full
 */
export function openForWriting(dataDir: string, synchronous: 'NORMAL' | 'FULL' = 'NORMAL'): Database {
  const path = ledgerPath(dataDir)
  try {
    makeOwnerOnly(path)
    const db = new DatabaseSync(path, { timeout: BUSY_TIMEOUT_MS })
    try {
      useWriteAheadLog(db)
      db.exec(
        `PRAGMA synchronous = ${synchronous}; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -${CACHE_KB}; ` +
          'PRAGMA wal_autocheckpoint = 4000; PRAGMA journal_size_limit = 67108864',
      )
      migrate(db, path)
      return wrap(db)
    } catch (error) {
      db.close()
      throw error
    }
  } catch (error) {
    throw explain(error, `can't open ${path}`)
  }
}

/** Waits for other processes that start, which SQLite's own timeout does not where a new file changes over to the log. */
function useWriteAheadLog(db: DatabaseSync): void {
  const endsAt = performance.now() + BUSY_TIMEOUT_MS
  for (;;) {
    try {
      db.exec('PRAGMA journal_mode = WAL')
      return
    } catch (error) {
      const isBusy = error instanceof Error && 'errcode' in error && error.errcode === SQLITE_BUSY
      if (!isBusy || performance.now() > endsAt) throw error
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, RETRY_MS)
    }
  }
}

/** A connection that can't change anything. */
export function openForReading(dataDir: string): Database {
  const path = ledgerPath(dataDir)
  try {
    const db = new DatabaseSync(path, { readOnly: true, timeout: BUSY_TIMEOUT_MS })
    db.exec(`PRAGMA temp_store = MEMORY; PRAGMA cache_size = -${CACHE_KB}`)
    return wrap(db)
  } catch (error) {
    throw explain(error, `can't read ${path}`)
  }
}

/** A connection whose schema is as it is. */
export function wrap(db: DatabaseSync): Database {
  const statements = new Map<string, StatementSync>()
  const prepared = (sql: string): StatementSync => {
    const known = statements.get(sql)
    if (known !== undefined) return known
    const statement = db.prepare(sql)
    statements.set(sql, statement)
    return statement
  }
  return {
    run: (sql, ...values) => Number(prepared(sql).run(...values).changes),
    first: (sql, ...values) => prepared(sql).get(...values),
    steps: (steps) => runSteps(steps, prepared),
    transaction: (kind, work) => transaction(db, kind, work),
    checkpoint: (mode) => {
      const row = prepared(`PRAGMA wal_checkpoint(${mode})`).get() ?? {}
      return integer(row, 'busy') === 0 && integer(row, 'log') === integer(row, 'checkpointed')
    },
    close: () => db.close(),
  }
}

function runSteps<T>(steps: Steps<T>, prepared: (sql: string) => StatementSync): T {
  let step = steps.next([])
  while (step.done !== true) {
    let rows: readonly Row[]
    try {
      rows = rowsOf(step.value, prepared)
    } catch (error) {
      // Steps may go on after a statement that failed.
      step = steps.throw(error)
      continue
    }
    step = steps.next(rows)
  }
  return step.value
}

function rowsOf(step: Step, prepared: (sql: string) => StatementSync): readonly Row[] {
  if (step.kind === 'query') return prepared(step.sql).all(...step.values)
  if (step.kind === 'each') return step.rows.flatMap((row) => prepared(step.sql).all(...row))
  const { bulk, rows } = step
  const { sql, isReading } = forOneRow(bulk)
  const statement = prepared(sql)
  if (isReading) return rows.flatMap((row) => statement.all(...row))
  // Counting what was added costs nothing; RETURNING costs a third of the insertion.
  const added = bulk.added === undefined ? -1 : Object.keys(bulk.columns).indexOf(bulk.added)
  const found: Row[] = []
  for (const row of rows) {
    const { changes } = statement.run(...row)
    if (added >= 0 && Number(changes) > 0) found.push({ [bulk.added ?? '']: row[added] })
  }
  return found
}

interface OneRow {
  readonly sql: string
  readonly isReading: boolean
}

const ofOneRow = new WeakMap<Bulk, OneRow>()

/** SQLite has no arrays, and no way to a server to save: a prepared statement is run for each row. */
function forOneRow(bulk: Bulk): OneRow {
  const known = ofOneRow.get(bulk)
  if (known !== undefined) return known
  const names = Object.keys(bulk.columns)
  const sql = bulk.sql
    .replaceAll('GIVEN', `(SELECT ${names.map((name) => `? AS "${name}"`).join(', ')}) AS given`)
    .replace('ALL_ROWS', `VALUES (${names.map(() => '?').join(', ')})`)
  const made = { sql, isReading: sql.startsWith('SELECT') || sql.includes(' RETURNING ') }
  ofOneRow.set(bulk, made)
  return made
}

function transaction<T>(db: DatabaseSync, kind: 'IMMEDIATE' | 'DEFERRED', work: () => T): T {
  db.exec(`BEGIN ${kind}`)
  try {
    const result = work()
    db.exec('COMMIT')
    return result
  } catch (error) {
    // A full disk ends the transaction by itself.
    if (db.isTransaction) db.exec('ROLLBACK')
    throw error
  }
}

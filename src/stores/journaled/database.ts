import { DatabaseSync } from 'node:sqlite'
import { Failure } from '../../engine/failure.ts'

/**
 * Opens the ledger's database.
 * @throws Failure store_unavailable where it is damaged or can't be opened
 */
export function openDatabase(path: string, access: 'write' | 'read'): DatabaseSync {
  try {
    const db = new DatabaseSync(path, { readOnly: access === 'read' })
    db.exec('PRAGMA busy_timeout = 10000; PRAGMA cache_size = -65536; PRAGMA temp_store = MEMORY')
    if (access === 'write') db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL')
    return db
  } catch (error) {
    throw explain(path, error)
  }
}

/** The database's error, in words for the one who has to act. */
export function explain(path: string, error: unknown): Failure {
  if (error instanceof Failure) return error
  const reason = error instanceof Error ? error.message : String(error)
  const isDamaged = /malformed|not a database|corrupt/i.test(reason)
  const action = isDamaged
    ? 'it is damaged: restore data_dir from a backup, or move the file away to have it made again from the journal as far as that reaches'
    : 'free space, make it writable, or set another store.data_dir'
  return new Failure('store_unavailable', `the ledger ${path} can't be used (${reason}): ${action}`, error)
}

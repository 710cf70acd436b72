import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { DataDirInUse } from '../../engine/failure.ts'
import { SQLITE_BUSY } from './database.ts'
import { makeOwnerOnly } from './owner-only.ts'
import { explain } from './storage-error.ts'

const TAKE = { exclusive: 'BEGIN EXCLUSIVE', shared: 'BEGIN; SELECT count(*) FROM sqlite_schema' } as const

/**
 * Keeps other processes out of the data directory; a shared lock, only those that want it for themselves. The lock is the operating system's own, on `DATA_DIR/lock.db`: it is gone
 * with the process, however that ends.
 * @returns what releases it
 * @throws DataDirInUse where another process has it
 */
export function lockDataDir(dataDir: string, kind: keyof typeof TAKE): () => void {
  const path = join(dataDir, 'lock.db')
  let db: DatabaseSync | undefined
  try {
    makeOwnerOnly(path)
    db = new DatabaseSync(path, { timeout: 0 })
    db.exec(TAKE[kind])
    const held = db
    return () => held.close()
  } catch (error) {
    db?.close()
    if (error instanceof Error && 'errcode' in error && error.errcode === SQLITE_BUSY) {
      throw new DataDirInUse(
        `data_dir ${dataDir} is in use by another Bursar process: stop that one, ask it through its API, or set another data_dir`,
        error,
      )
    }
    throw explain(error, `can't lock ${path}`)
  }
}

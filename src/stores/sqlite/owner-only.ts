import { chmodSync, closeSync, existsSync, openSync, statSync } from 'node:fs'

const OWNER_ONLY = 0o600
const OTHERS = 0o077

/**
 * Makes sure that only its owner can read and write a database file, whatever the directory and the umask allow: SQLite itself
 * creates files as the umask says, and those beside them (`-wal`, `-shm`) like the file. To be called before it is opened.
 * @throws what the file system throws
 */
export function makeOwnerOnly(path: string): void {
  createOwnerOnly(path)
  for (const file of [path, `${path}-wal`, `${path}-shm`, `${path}-journal`]) withdrawFromOthers(file)
}

/** Never opens a file that is there: to close it would let go of the locks that SQLite has on it in this process. */
function createOwnerOnly(path: string): void {
  try {
    closeSync(openSync(path, 'wx', OWNER_ONLY))
  } catch (error) {
    if (!existsSync(path)) throw error
  }
}

/** Of files that were made by an earlier version, or copied there. A file of another user stays as it is. */
function withdrawFromOthers(path: string): void {
  const found = statSync(path, { throwIfNoEntry: false })
  const isOthers = found?.isFile() === true && (found.mode & OTHERS) !== 0
  if (isOthers && (process.getuid?.() ?? found.uid) === found.uid) chmodSync(path, OWNER_ONLY)
}

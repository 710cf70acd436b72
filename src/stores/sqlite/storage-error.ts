import { Defect } from '../../domain/defect.ts'
import { isThrownByRecord } from '../ledger/set-aside.ts'
import { Failure } from '../../engine/failure.ts'

const ADVICE: Readonly<Record<string, string>> = {
  ENOSPC: 'no space is left on the disk: free some space there',
  EDQUOT: 'the disk quota is used up: free some space there, or raise the quota',
  EROFS: 'the file system is read-only: mount it writable',
  EACCES: 'this process may not write there: check the owner and the permissions',
  EPERM: 'this process may not write there: check the owner and the permissions',
  EIO: 'the disk reports an error: check the disk, and restore data_dir from a backup where it is lost',
  ENOENT: 'a file or directory is missing: restore data_dir from a backup',
  ENOTDIR: 'a part of the path is a file: set another data_dir',
  EMFILE: 'too many files are open: raise the limit (ulimit -n)',
}

// The primary result codes of https://www.sqlite.org/rescode.html
const SQLITE_CODES: Readonly<Record<number, string>> = {
  5: 'another program has locked it: end that program',
  8: 'it is read-only: check the owner, the permissions and the mount of the file and its directory',
  10: 'the disk reports an error: check the disk and whether it is full; restore data_dir from a backup where it is lost',
  11: 'the file is damaged: restore data_dir from a backup',
  13: 'no space is left on the disk: free some space there',
  14: 'it can not be opened: check that the directory exists and is writable',
  26: 'the file is not a SQLite database, or its head is damaged: restore data_dir from a backup',
}

// Of https://www.sqlite.org/rescode.html: too big, a constraint or trigger, the wrong type.
const SQLITE_OF_RECORD: ReadonlySet<number> = new Set([18, 19, 20])

/** True where a record can't be stored though the database can: storing it again would fail again. */
export function isOfRecord(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const errcode = 'errcode' in error && typeof error.errcode === 'number' ? error.errcode & 0xff : undefined
  return errcode === undefined ? isThrownByRecord(error) : SQLITE_OF_RECORD.has(errcode)
}

/**
 * An error of the file system or of SQLite, said so that an operator can act on it.
 * @param what was tried, with the path
 */
export function explain(error: unknown, what: string): Failure {
  if (error instanceof Failure) return error
  return new Failure('store_unavailable', `${what}: ${reasonOf(error)}`, error)
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if (error instanceof Defect) return `what it holds is not what was written to it: restore data_dir from a backup (${error.message})`
  const errcode = 'errcode' in error && typeof error.errcode === 'number' ? error.errcode & 0xff : undefined
  if (errcode !== undefined) return `${SQLITE_CODES[errcode] ?? 'SQLite failed'} (${error.message})`
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined
  if (code !== undefined && ADVICE[code] !== undefined) return `${ADVICE[code]} (${code})`
  return error.message
}

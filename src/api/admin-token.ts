import { hash, randomBytes, timingSafeEqual } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Failure } from '../engine/failure.ts'

/** Who may use the control plane. */
export interface AdminAccess {
  readonly isAdminToken: (token: string) => boolean
  /** A token that was made just now; it is kept as a hash only, so this is the one chance to show it. */
  readonly generated?: string
  /**
   * For a server that answers: remembers the token that was made, and lets commands on this machine in by writing the URL and a
   * token of this run, readable by this user only.
   */
  readonly announce: (url: string) => void
}

const OWNER_ONLY = 0o600

/**
 * The admin token as the config says, else the one whose hash is in `data_dir`, else a new one. A hash that changes while the
 * server runs is in force with the next request.
 * @throws Failure store_unavailable where `data_dir` can't be made
 */
export function openAdminAccess(dataDir: string, configured: string | undefined): AdminAccess {
  createDataDir(dataDir)
  const path = hashPathIn(dataDir)
  const generated = configured === undefined && !existsSync(path) ? newToken() : undefined
  const known = configured ?? generated
  const fixedHash = known === undefined ? undefined : digest(known)
  const storedHash = createHashFile(path)
  const localToken = newToken()
  const localHash = digest(localToken)
  const isKnown = (token: string) => {
    const given = digest(token)
    const stored = configured === undefined ? storedHash() : undefined
    return [stored ?? fixedHash, localHash].some((expected) => expected !== undefined && isEqual(given, expected))
  }
  return {
    ...(generated === undefined ? {} : { generated }),
    isAdminToken: isKnown,
    announce: (url) => {
      if (generated !== undefined) writeFileSync(path, digest(generated), { mode: OWNER_ONLY })
      writeFileSync(join(dataDir, 'local.json'), JSON.stringify({ url, token: localToken }), { mode: OWNER_ONLY })
    },
  }
}

/**
 * Replaces the admin token that is remembered in `data_dir`; the one before is no longer good, also for a server that runs.
 * @returns the new token, which nothing shows again
 * @throws Failure not_found where no server has run from that directory, invalid_config where the config sets the token
 */
export function resetAdminToken(dataDir: string, configured: string | undefined): string {
  if (configured !== undefined) {
    throw new Failure('invalid_config', 'the config sets server.admin_token: change it there, or remove it there to have one generated')
  }
  if (!existsSync(dataDir)) throw new Failure('not_found', `there is no ${dataDir}: the first "npm start" makes a token and prints it`)
  const token = newToken()
  writeFileSync(hashPathIn(dataDir), digest(token), { mode: OWNER_ONLY })
  return token
}

function createDataDir(dataDir: string): void {
  try {
    mkdirSync(dataDir, { recursive: true, mode: 0o700 })
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    const reason = code === 'EEXIST' || code === 'ENOTDIR' ? 'there is a file of that name: set another store.data_dir' : String(error)
    throw new Failure('store_unavailable', `can't create the data_dir ${dataDir}: ${reason}`, error)
  }
}

function hashPathIn(dataDir: string): string {
  return join(dataDir, 'admin-token.sha256')
}

/** Reads the hash in that file, anew when the file has changed; undefined while there is no file. */
function createHashFile(path: string): () => string | undefined {
  let readAtMs = -1
  let value: string | undefined
  return () => {
    const changedAtMs = statSync(path, { throwIfNoEntry: false })?.mtimeMs
    if (changedAtMs === undefined) return undefined
    if (changedAtMs !== readAtMs) value = readFileSync(path, 'utf8').trim()
    readAtMs = changedAtMs
    return value
  }
}

function newToken(): string {
  return `bsr_admin_${randomBytes(24).toString('base64url')}`
}

function digest(token: string): string {
  return hash('sha256', token, 'hex')
}

function isEqual(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)]
  return left.length === right.length && timingSafeEqual(left, right)
}

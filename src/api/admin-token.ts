import { hash, randomBytes, timingSafeEqual } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Who may use the control plane. */
export interface AdminAccess {
  readonly isAdminToken: (token: string) => boolean
  /** A token that was made just now; it is kept as a hash only, so this is the one chance to show it. */
  readonly generated?: string
  /** Lets commands on this machine in: writes the URL and a token of this run, readable by this user only. */
  readonly announce: (url: string) => void
}

const OWNER_ONLY = 0o600

/**
 * The admin token as the config says, or else one that is made on the first start and remembered by its hash in `data_dir`.
 * @throws Error where `data_dir` can't be written
 */
export function openAdminAccess(dataDir: string, configured: string | undefined): AdminAccess {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 })
  const hashPath = join(dataDir, 'admin-token.sha256')
  const isFirst = configured === undefined && !existsSync(hashPath)
  const generated = isFirst ? newToken() : undefined
  if (generated !== undefined) writeFileSync(hashPath, digest(generated), { mode: OWNER_ONLY })
  const adminHash = configured === undefined ? readFileSync(hashPath, 'utf8').trim() : digest(configured)
  const localToken = newToken()
  const hashes = [adminHash, digest(localToken)]
  return {
    ...(generated === undefined ? {} : { generated }),
    isAdminToken: (token) => hashes.some((expected) => isEqual(digest(token), expected)),
    announce: (url) => {
      writeFileSync(join(dataDir, 'local.json'), JSON.stringify({ url, token: localToken }), { mode: OWNER_ONLY })
    },
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

import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { RedisScript } from './redis-client.ts'

/**
 * The script of that name in `lua/`, behind what transitions stand on. The name under which Redis keeps it is its content's hash, so two
 * versions of Bursar on one Redis each run their own.
 */
function readScript(name: string, basis: readonly string[] = ['guard', 'account']): RedisScript {
  const files = [...basis, name]
  const source = files.map((file) => readFileSync(new URL(`./lua/${file}.lua`, import.meta.url), 'utf8')).join('\n')
  return { name, source, sha: createHash('sha1').update(source).digest('hex') }
}

/** One transition of the counters each. */
export const SCRIPTS = {
  join: readScript('join'),
  reserve: readScript('reserve'),
  settle: readScript('settle'),
  raise: readScript('raise'),
  renew: readScript('renew'),
  open: readScript('open'),
  cut: readScript('cut'),
  close: readScript('close'),
  put: readScript('put'),
  append: readScript('append'),
  judge: readScript('judge'),
  charge: readScript('charge'),
  assert: readScript('assert'),
  lease: readScript('lease'),
  commit: readScript('commit'),
  unlease: readScript('unlease'),
  lapse: readScript('lapse'),
} as const

/** What asks, and changes nothing. */
export const READ = readScript('read', [])
export const WHOAMI = readScript('whoami', [])
export const ACCOUNTS = readScript('accounts', ['account'])
/** What follows the ledger. */
export const TRIM = readScript('trim', [])
/** What a rebuild writes. */
export const RESTORE = readScript('restore', [])
export const REOPEN = readScript('reopen', [])
export const FENCED = readScript('fenced', [])
/** Takes the place of a process that died. */
export const TAKEOVER = readScript('takeover', [])

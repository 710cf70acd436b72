import { Failure } from '../../engine/failure.ts'
import { isThrownByRecord } from '../ledger/set-aside.ts'

// The codes of https://www.postgresql.org/docs/current/errcodes-appendix.html
const ADVICE: Readonly<Record<string, string>> = {
  '28P01': 'the password is wrong: check store.database',
  '28000': 'this user may not log in from here: check store.database, and pg_hba.conf of the server',
  '3D000': 'there is no such database: create it, or set another one in store.database',
  '42501': 'this user may not do that: grant it CREATE on the database, and all on the schema bursar',
  '53100': 'no space is left on its disk: free some space there',
  '53200': 'it is out of memory: give it more, or lower its work_mem',
  '53300': 'it has no connection left: raise its max_connections, or end other programs',
  '55P03': 'something else has it locked: end that, or try again later',
  '57014': 'it took too long and was given up: is the server overloaded?',
  '57P01': 'an administrator ended the connection: it is opened again',
  '57P02': 'the server crashed: it is connected to again when it is back',
  '57P03': 'the server is starting or stopping: it is connected to again when it is up',
  '25006': 'the server is read-only, as a standby is: set the primary in store.database',
  '25P03': 'a transaction stood still for too long and was given up',
  XX001: 'a file of the database is damaged: restore the database from a backup',
  ECONNREFUSED: 'nothing listens there: start the server, or correct store.database',
  ECONNRESET: 'the connection broke off: it is opened again',
  EHOSTUNREACH: 'there is no way to its host: check the network',
  ENOTFOUND: 'its host name is not known: correct store.database',
  ETIMEDOUT: 'its host does not answer: check the network and the firewall',
}

/**
 * True where a record can't be stored though the database can: storing it again would fail again. Of the classes of errors: 22 data
 * exception, 23 integrity constraint, 54 program limit exceeded, and P0001, which triggers raise.
 */
export function isOfRecord(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
  return code === undefined ? isThrownByRecord(error) : /^(?:22|23|54)...$|^P0001$/.test(code)
}

/**
 * An error of Postgres or of the way there, said so that an operator can act on it, and without the password.
 * @param what was tried
 */
export function explain(error: unknown, what: string, url: string): Failure {
  if (error instanceof Failure) return error
  return new Failure('store_unavailable', withoutPassword(`${what} (Postgres at ${placeOf(url)}): ${reasonOf(error)}`, url), error)
}

/** The server and the database that a URL names, without user and password. */
export function placeOf(url: string): string {
  if (!URL.canParse(url)) return 'store.database'
  const { host, pathname } = new URL(url)
  return `${host}${pathname}`
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  // Of a host with several addresses, the first one's reason.
  if (error instanceof AggregateError && error.errors.length > 0) return reasonOf(error.errors[0])
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined
  const advice = code === undefined ? undefined : ADVICE[code]
  return advice === undefined ? error.message : `${advice} (${error.message})`
}

function withoutPassword(message: string, url: string): string {
  if (!URL.canParse(url)) return message
  const { password } = new URL(url)
  const secrets = [password, decoded(password)].filter((secret) => secret !== '')
  return secrets.reduce((text, secret) => text.replaceAll(secret, '***'), message)
}

function decoded(password: string): string {
  try {
    return decodeURIComponent(password)
  } catch {
    return password
  }
}

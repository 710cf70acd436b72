import type { KeptObject } from '../../domain/record.ts'
import { integer, text } from './row.ts'
import { bulk, insert, query, type Steps } from './statement.ts'

/** What was made first stays with whom made it. */
const ADD = insert('objects', { id: 'text', key: 'text', team: 'text', at: 'integer' }, 'ON CONFLICT (id) DO NOTHING')

/** Providers keep most of what they make for 30 days, and files until they are deleted. */
const OBJECT_KEPT_MS = 400 * 86_400_000

/** Adds them, and drops what is older than is kept. */
export function* addObjects(objects: readonly KeptObject[]): Steps<void> {
  if (objects.length === 0) return
  yield* bulk(
    ADD,
    objects.map(({ id, key, team = '', at }) => [id, key, team, at]),
  )
  const newest = objects.reduce((latest, { at }) => Math.max(latest, at), 0)
  yield* query('DELETE FROM objects WHERE at < ?', newest - OBJECT_KEPT_MS)
}

/** Values of one statement; databases take some tens of thousands. */
const IDS_AT_ONCE = 500

/** Those of these ids that are known. */
export function* objects(ids: readonly string[]): Steps<readonly KeptObject[]> {
  const found: KeptObject[] = []
  for (let from = 0; from < ids.length; from += IDS_AT_ONCE) {
    const some = ids.slice(from, from + IDS_AT_ONCE)
    const rows = yield* query(`SELECT id, key, team, at FROM objects WHERE id IN (${some.map(() => '?').join(', ')})`, ...some)
    for (const row of rows) {
      const team = text(row, 'team')
      found.push({ id: text(row, 'id'), key: text(row, 'key'), ...(team === '' ? {} : { team }), at: integer(row, 'at') })
    }
  }
  return found
}

/** True where that key, or that team, has made any. */
export function* ownsObjects({ key, team }: { readonly key: string; readonly team?: string }): Steps<boolean> {
  if ((yield* query('SELECT 1 AS one FROM objects WHERE key = ? LIMIT 1', key)).length > 0) return true
  if (team === undefined || team === '') return false
  return (yield* query("SELECT 1 AS one FROM objects WHERE team = ? AND team <> '' LIMIT 1", team)).length > 0
}

import type { Dialect } from '../ledger/dialect.ts'
import { LINE_COLUMNS } from '../ledger/line-ids.ts'
import { ATTRIBUTES } from '../ledger/rollups.ts'
import { query } from '../ledger/statement.ts'

const CALLER = [...ATTRIBUTES, 'tags', 'endpoint', 'price']

export const sqliteDialect: Dialect = {
  rollupKey: (at, values) => [at, ...values].join(', '),
  sameCaller: CALLER.map((name) => `callers."${name}" = given."${name}"`).join(' AND '),
  sameLine: LINE_COLUMNS.map((name) => `price_lines.${name} = given.${name}`).join(' AND '),
  *makeRoom() {},
  *indexAdmissions({ from, to }) {
    yield* query(
      'INSERT INTO admissions SELECT admitted_at, position FROM ended_calls WHERE ended_at >= ? AND ended_at < ? AND form = 0',
      from,
      to,
    )
  },
  *dropOlderIndex() {
    yield* query('DROP INDEX IF EXISTS ended_calls_ended_at')
  },
}

import type { Dialect } from '../ledger/dialect.ts'
import { LINE_COLUMNS } from '../ledger/line-ids.ts'
import { ATTRIBUTES } from '../ledger/rollups.ts'
import { integer } from '../ledger/row.ts'
import { query } from '../ledger/statement.ts'

const CALLER = [...ATTRIBUTES, 'tags', 'endpoint', 'price']

export const sqliteDialect: Dialect = {
  rollupKey: (at, values) => [at, ...values].join(', '),
  sameCaller: CALLER.map((name) => `callers."${name}" = given."${name}"`).join(' AND '),
  sameLine: LINE_COLUMNS.map((name) => `price_lines.${name} = given.${name}`).join(' AND '),
  *makeRoom() {},
  *indexAdded(adding) {
    const [row] = yield* query('SELECT coalesce(max(position), 0) AS last FROM ended_calls')
    const added = yield* adding()
    yield* query('INSERT INTO admissions SELECT admitted_at, position FROM ended_calls WHERE position > ?', integer(row ?? {}, 'last'))
    return added
  },
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

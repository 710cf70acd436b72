import type { Dialect } from '../ledger/dialect.ts'
import { ATTRIBUTES } from '../ledger/rollups.ts'

const CALLER = [...ATTRIBUTES, 'tags', 'endpoint', 'price']

export const sqliteDialect: Dialect = {
  rollupKey: (at, values) => [at, ...values].join(', '),
  sameCaller: CALLER.map((name) => `callers."${name}" = given."${name}"`).join(' AND '),
  *makeRoom() {},
}

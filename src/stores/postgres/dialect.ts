import type { EpochMs } from '../../domain/instant.ts'
import type { Dialect } from '../ledger/dialect.ts'
import { LINE_COLUMNS } from '../ledger/line-ids.ts'
import { ATTRIBUTES } from '../ledger/rollups.ts'
import { text } from '../ledger/row.ts'
import { query, type Steps } from '../ledger/statement.ts'
import { monthAfter, monthOf } from '../ledger/utc-grain.ts'

/**
 * Stands for a text that may be too long for an index: callers name models, and a row of a B-tree has 2,704 bytes. A short one
 * stands for itself, which costs nothing; a long one's is longer than any short one, so they are kept apart.
 */
export function indexed(text: string): string {
  return `(CASE WHEN octet_length(${text}) <= 90 THEN ${text} ELSE left(${text}, 64) || md5(${text}) END)`
}

const CALLER = [...ATTRIBUTES, 'tags', 'endpoint', 'price'].map((name) => `"${name}"`)

/** The unique keys of tables, as indexes and ON CONFLICT name them. */
export const CALLER_KEY = CALLER.map(indexed).join(', ')
export const LINE_KEY = LINE_COLUMNS.map(lineColumn('')).join(', ')
export const HOUR_KEY = attributeKey('hour')
export const ATTRIBUTE_DAY_KEY = attributeKey('day')
export const ATTRIBUTE_MONTH_KEY = attributeKey('month')
export const DAY_KEY = attributesKey('day')
export const MONTH_KEY = attributesKey('month')

/** Providers and models may have long names. */
function lineColumn(table: string): (column: string) => string {
  return (column) => (column === 'provider' || column === 'model' ? indexed(table + column) : table + column)
}

function attributeKey(at: string): string {
  return `attribute, ${at}, ${indexed('value')}`
}

function attributesKey(at: string): string {
  return [at, ...ATTRIBUTES.map((name) => indexed(`"${name}"`))].join(', ')
}

/**
 * What is Postgres's own in applying a batch. Calls are kept in a partition for each UTC month of their admission: that is
 * part of a call from its hold on, so an id can't come a second time in another partition, and a partition's own unique key
 * keeps ids unique across all.
 */
export const postgresDialect: Dialect = {
  rollupKey: (at, values) => (values.includes('attribute') ? attributeKey(at) : attributesKey(at)),
  sameCaller: CALLER.map((name) => `${indexed(`callers.${name}`)} = ${indexed(`given.${name}`)}`).join(' AND '),
  sameLine: LINE_COLUMNS.map((name) => `${lineColumn('price_lines.')(name)} = ${lineColumn('given.')(name)}`).join(' AND '),
  *makeRoom(admittedAt) {
    const wanted = new Set<EpochMs>()
    // Ahead of its first call, so that the turn of a month is like any other minute.
    for (const month of new Set(admittedAt.map(monthOf))) wanted.add(month).add(monthAfter(month))
    const found = wanted.size === 0 ? [] : yield* query(PARTITIONS)
    const names = new Set(found.map((row) => text(row, 'name')))
    for (const month of wanted) if (!names.has(partitionName(month))) yield* addPartition(month)
  },
  // The partitions' own indexes have them: admission-index.ts.
  indexAdded: (adding) => adding(),
  *indexAdmissions() {},
  *dropOlderIndex() {},
}

// Asked each time, since another process may have dropped one.
const PARTITIONS = "SELECT tablename::text AS name FROM pg_tables WHERE schemaname = 'bursar' AND tablename LIKE 'ended_calls_%'"

/** `ended_calls_2026_10` */
function partitionName(month: EpochMs): string {
  return `ended_calls_${new Date(month).toISOString().slice(0, -17).replace('-', '_')}`
}

/** The end of a partition's month; undefined for a name that no partition has. */
export function partitionEnd(name: string): EpochMs | undefined {
  const match = /^ended_calls_(\d{4})_(\d{2})$/.exec(name)
  return match === null ? undefined : Date.UTC(Number(match[1]), Number(match[2]))
}

/** A table of its own is attached: unlike CREATE TABLE … PARTITION OF, that does not wait for reports that run. */
function* addPartition(month: EpochMs): Steps<void> {
  const name = partitionName(month)
  yield* query(`CREATE TABLE ${name} (LIKE ended_calls INCLUDING DEFAULTS INCLUDING CONSTRAINTS)`)
  yield* query(`ALTER TABLE ended_calls ATTACH PARTITION ${name} FOR VALUES FROM (${month}) TO (${monthAfter(month)})`)
}

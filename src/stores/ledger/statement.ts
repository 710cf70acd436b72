import type { Row } from './row.ts'

/*
 * What is asked of the ledger's tables, and what a batch changes in them, is written once for all databases that speak SQL: as
 * a generator that yields statements and is handed their rows. A store runs it at once (SQLite) or waits for each (Postgres).
 */

export type Value = string | number | null

/** The columns of a relation, each with the kind of its values. */
export type Columns = Readonly<Record<string, 'integer' | 'real' | 'text'>>

/** A statement that is run for many rows of values in one go. */
export interface Bulk {
  /**
   * Has the word GIVEN where a relation may stand: that is one of the name `given`, with these columns. Or it has ALL_ROWS where
   * the rows of an INSERT stand.
   */
  readonly sql: string
  readonly columns: Columns
  /** Of an INSERT: what it returns is this column of the rows that were not there before. */
  readonly added?: string
}

export type Step =
  /** In its text, `?` stands for each value, in their order. */
  | { readonly kind: 'query'; readonly sql: string; readonly values: readonly Value[] }
  | { readonly kind: 'bulk'; readonly bulk: Bulk; readonly rows: readonly (readonly Value[])[] }
  | { readonly kind: 'each'; readonly sql: string; readonly rows: readonly (readonly number[])[] }

/** Statements, one after the other, and what they come to. */
export type Steps<T> = Generator<Step, T, readonly Row[]>

/** The rows of one query. */
export function* query(sql: string, ...values: readonly Value[]): Steps<readonly Row[]> {
  return yield { kind: 'query', sql, values }
}

/**
 * The rows of one query for each of these rows of values, in their order: planned for each of them, and in one round trip.
 * @param rows safe integers only
 */
export function* queryEach(sql: string, rows: readonly (readonly number[])[]): Steps<readonly Row[]> {
  if (rows.length === 0) return []
  return yield { kind: 'each', sql, rows }
}

/**
 * Runs a statement for all these rows.
 * @param rows the values of each, in the order of the columns
 * @returns what it returns for all of them
 */
export function* bulk(statement: Bulk, rows: readonly (readonly Value[])[]): Steps<readonly Row[]> {
  if (rows.length === 0) return []
  return yield { kind: 'bulk', bulk: statement, rows }
}

/** An INSERT of all columns into the table. @param conflict what becomes of rows that are there already */
export function insert(table: string, columns: Columns, conflict = '', added?: string): Bulk {
  const names = Object.keys(columns)
    .map((name) => `"${name}"`)
    .join(', ')
  const sql = `INSERT INTO ${table} (${names}) ALL_ROWS ${conflict}`
  return added === undefined ? { sql, columns } : { sql, columns, added }
}

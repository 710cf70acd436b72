import { assert } from '../../domain/defect.ts'
import type { Bulk, Columns, Step, Value } from '../ledger/statement.ts'

/** A statement as the driver takes it. */
export interface StatementText {
  readonly text: string
  readonly values: string[]
}

const TYPES: Readonly<Record<Columns[string], string>> = { integer: 'bigint', real: 'float8', text: 'text' }

/** Rows of values go as one array for each column: so a batch is one statement, whatever its size. */
export function toStatementText(step: Exclude<Step, { readonly kind: 'each' }>): StatementText {
  if (step.kind === 'query') return { text: numbered(step.sql), values: step.values.map((value) => storable(String(value))) }
  const { bulk, rows } = step
  return { text: forArrays(bulk), values: Object.keys(bulk.columns).map((_, i) => toArray(rows, i)) }
}

/** A text of several statements takes no values, so these stand in it; they are integers. */
export function toTextOfEach({ sql, rows }: Extract<Step, { readonly kind: 'each' }>): string {
  return rows
    .map((row) => {
      assert(row.every(Number.isSafeInteger), 'what stands in a statement is an integer')
      let at = 0
      return sql.replaceAll('?', () => String(row[at++]))
    })
    .join(';\n')
}

const texts = new Map<string, string>()

/** `?` as Postgres has it: `$1`, `$2`. */
function numbered(sql: string): string {
  let count = 0
  return remembered(sql, () => sql.replaceAll('?', () => `$${++count}`))
}

function forArrays({ sql, columns, added }: Bulk): string {
  return remembered(sql, () => {
    const arrays = Object.values(columns).map((kind, i) => `$${i + 1}::${TYPES[kind]}[]`)
    const names = Object.keys(columns).map((name) => `"${name}"`)
    const given = `unnest(${arrays.join(', ')}) AS given (${names.join(', ')})`
    const returning = added === undefined ? '' : ` RETURNING "${added}"`
    return sql.replaceAll('GIVEN', given).replace('ALL_ROWS', `SELECT ${names.join(', ')} FROM ${given}`) + returning
  })
}

function remembered(sql: string, make: () => string): string {
  const known = texts.get(sql)
  if (known !== undefined) return known
  const made = make()
  texts.set(sql, made)
  return made
}

/** A column of the rows as an array literal: https://www.postgresql.org/docs/current/arrays.html#ARRAYS-IO */
function toArray(rows: readonly (readonly Value[])[], column: number): string {
  let array = '{'
  for (const row of rows) {
    const value = row[column]
    if (array.length > 1) array += ','
    if (typeof value === 'number') array += value
    else if (typeof value === 'string') array += `"${storable(value).replaceAll(/["\\]/g, String.raw`\$&`)}"`
    else array += 'NULL'
  }
  return `${array}}`
}

/** Postgres has no NUL in its texts. */
function storable(text: string): string {
  return text.includes('\0') ? text.replaceAll('\0', '\uFFFD') : text
}

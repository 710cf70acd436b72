import { assert } from '../../domain/defect.ts'

/** A row as a database driver returns it. */
export type Row = Readonly<Record<string, unknown>>

/** @throws Defect where the column is no safe integer */
export function integer(row: Row, column: string): number {
  const value = row[column]
  assert(typeof value === 'number' && Number.isSafeInteger(value), `${column} is a safe integer`)
  return value
}

/** @throws Defect where the column is no number */
export function real(row: Row, column: string): number {
  const value = row[column]
  assert(typeof value === 'number', `${column} is a number`)
  return value
}

/** @throws Defect where the column is no text */
export function text(row: Row, column: string): string {
  const value = row[column]
  assert(typeof value === 'string', `${column} is text`)
  return value
}

/**
 * A value that this program itself wrote as JSON.
 * @param isRight tells whether it is of the kind that the column holds
 * @throws Defect where it is not
 */
export function fromJson<T>(json: string, isRight: (value: unknown) => value is T): T {
  const value: unknown = JSON.parse(json)
  assert(isRight(value), 'a stored value is of its kind')
  return value
}

/** A guard for values that are objects with at least these fields. */
export function hasFields<T>(...fields: readonly (keyof T & string)[]): (value: unknown) => value is T {
  return (value): value is T => typeof value === 'object' && value !== null && fields.every((field) => Object.hasOwn(value, field))
}

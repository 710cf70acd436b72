import { AMOUNT_MAX, plus } from '../../domain/amount.ts'
import type { End } from './open-calls.ts'
import type { Columns } from './statement.ts'

/** What is summed, in the order of the rollups' columns. */
export const MEASURES = [
  'calls',
  'estimated_calls',
  'input',
  'cached_input',
  'cache_write',
  'output',
  'reasoning',
  'cost_nano_usd',
] as const

export const MEASURE_COLUMNS: Columns = Object.fromEntries(MEASURES.map((name) => [name, 'integer'] as const))

/** The sums of each measure over rows that have sums already. */
export const SUMS = MEASURES.map((name) => `${cappedInSql(`sum(${name})`)} AS ${name}`).join(', ')

/** The sums of each measure over calls. */
export const CALL_SUMS = [
  "count(*) AS calls, count(*) FILTER (WHERE usage_kind = 'estimated') AS estimated_calls",
  ...MEASURES.slice(2).map((name) => `${cappedInSql(`sum(${name})`)} AS ${name}`),
].join(', ')

/** Adds what one call comes to, from that place of the row on, in the order of {@link MEASURES}. */
export function addCall(row: number[], at: number, { settlement, tokens }: End): void {
  add(row, at, 1)
  if (settlement.usage.kind === 'estimated') add(row, at + 1, 1)
  add(row, at + 2, tokens.input.total)
  add(row, at + 3, tokens.input.cached)
  add(row, at + 4, tokens.input.cacheWrite)
  add(row, at + 5, tokens.output.total)
  add(row, at + 6, tokens.output.reasoning)
  add(row, at + 7, settlement.costNanoUsd)
}

function add(row: number[], at: number, amount: number): void {
  row[at] = plus(row[at] ?? 0, amount)
}

/** An INSERT that adds to the measures of a row that is there already. @param key the table's unique key */
export function adding(table: string, key: string): string {
  return `ON CONFLICT (${key}) DO UPDATE SET ${MEASURES.map((name) => `${name} = ${plusInSql(`${table}.${name}`, `excluded.${name}`)}`).join(', ')}`
}

/** As `plus` of the domain: sums that leave the safe integers could not be read any more. */
export function plusInSql(a: string, b: string): string {
  return cappedInSql(`${a} + ${b}`)
}

/** A sum, or the largest amount where it is more. */
export function cappedInSql(sum: string): string {
  return `CASE WHEN ${sum} > ${AMOUNT_MAX} THEN ${AMOUNT_MAX} ELSE ${sum} END`
}

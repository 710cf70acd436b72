import { INPUT_PARTS, OUTPUT_PARTS } from '../../domain/usage/price-lines.ts'
import { toAccountKey, toBudgetId } from '../../domain/ids.ts'
import type { EpochMs } from '../../domain/instant.ts'
import type { LedgerDifference } from '../../engine/ports.ts'
import { chainHash } from './close-chain.ts'
import { keptFrom } from './dropped-calls.ts'
import { accountSums, isCloseContent } from './ledger-queries.ts'
import { CALL_SUMS, cappedInSql, MEASURES, SUMS } from './measures.ts'
import { olderBefore } from './older-calls.ts'
import { ATTRIBUTES } from './rollups.ts'
import { fromJson, integer, type Row, text } from './row.ts'
import { query, type Steps } from './statement.ts'
import { DAY_MS, HOUR_MS, monthOf } from './utc-grain.ts'

type Sum = ReturnType<typeof accountSums> extends Steps<readonly (infer T)[]> ? T : never

/** Recomputes every account, close and rollup from the calls, and says where they differ; of rollups, as far back as there are calls. */
export function* differences(): Steps<readonly LedgerDifference[]> {
  const sums = yield* accountSums()
  const used = new Map<string, number>(sums.map((sum) => [sum.account, sum.used]))
  return [...accountDifferences(sums), ...(yield* closeDifferences(used)), ...(yield* rollupDifferences()), ...(yield* lineDifferences())]
}

function* accountDifferences(sums: readonly Sum[]): Iterable<LedgerDifference> {
  for (const { account, used, overrun, row } of sums) {
    if (used !== row.used) yield { account, what: 'account', calls: used, other: row.used }
    else if (overrun !== row.overrun) yield { account, what: 'account', calls: overrun, other: row.overrun }
  }
}

/** A close differs where its sum does, and where it or one before it was changed after it was written. */
function* closeDifferences(used: ReadonlyMap<string, number>): Steps<readonly LedgerDifference[]> {
  const found: LedgerDifference[] = []
  let previous = ''
  for (const row of yield* query('SELECT content, hash FROM closes ORDER BY position')) {
    const json = text(row, 'content')
    const close = fromJson(json, isCloseContent)
    const calls = used.get(close.account) ?? 0
    const isIntact = chainHash(previous, json) === text(row, 'hash')
    if (!isIntact || calls !== close.used) found.push({ account: close.account, what: 'close', calls, other: close.used })
    previous = text(row, 'hash')
  }
  return found
}

/** What a rollup has, and what is not in it yet, against what it is made of. */
function* rollupDifferences(): Steps<readonly LedgerDifference[]> {
  const from = yield* keptFrom()
  const hours = yield* callSums(HOUR_MS, from)
  const days = yield* callSums(DAY_MS, from)
  const found: LedgerDifference[] = []
  for (const attribute of ['', ...ATTRIBUTES, 'team+user']) {
    const name = attribute === '' ? 'all' : attribute
    const hourly = yield* rollupSums('rollup_hour', { at: 'hour', ms: HOUR_MS, from, attribute })
    found.push(...compared(`rollup_hour ${name}`, hours, hourly))
    const daily = yield* rollupSums('rollup_attribute_day', { at: 'day', ms: DAY_MS, from, attribute })
    found.push(...compared(`rollup_attribute_day ${name}`, days, daily))
    found.push(...(yield* monthDifferences('rollup_attribute_month', 'rollup_attribute_day', attribute)))
  }
  const daily = yield* rollupSums('rollup_day', { at: 'day', ms: DAY_MS, from })
  return [...found, ...compared('rollup_day', days, daily), ...(yield* monthDifferences('rollup_month', 'rollup_day'))]
}

interface Asked {
  readonly at: string
  readonly ms: number
  readonly from: EpochMs
  readonly attribute?: string
}

function* rollupSums(table: string, { at, ms, from, attribute }: Asked): Steps<readonly Row[]> {
  const [where, values] = attribute === undefined ? ['', []] : ['attribute = ? AND', [attribute]]
  return yield* query(
    `SELECT at, ${SUMS} FROM (
      SELECT ${at} AS at, ${MEASURES.join(', ')} FROM ${table} WHERE ${where} ${at} >= ?
      UNION ALL SELECT hour / ${ms} * ${ms}, ${MEASURES.join(', ')} FROM live_sums WHERE hour >= ?
    ) AS both_parts GROUP BY at`,
    ...values,
    from,
    from,
  )
}

const quantityOf = (parts: readonly string[]) =>
  cappedInSql(`coalesce(sum(quantity) FILTER (WHERE part IN (${parts.map((part) => `'${part}'`).join(', ')})), 0)`)
const LINE_MEASURES = ['input', 'output', 'cost_nano_usd']
const LINES = `SELECT day AS at, ${quantityOf(INPUT_PARTS)} AS input, ${quantityOf(OUTPUT_PARTS)} AS output,
  ${cappedInSql('sum(cost_nano_usd)')} AS cost_nano_usd
  FROM line_days JOIN price_lines ON price_lines.id = line_days.line WHERE day >= ? GROUP BY day`
const PRICED = `SELECT counted_at / ${DAY_MS} * ${DAY_MS} AS at,
  ${LINE_MEASURES.map((name) => `${cappedInSql(`sum(${name})`)} AS ${name}`).join(', ')}
  FROM calls WHERE counted_at >= ? AND (form > 0 OR ended_at >= ?) GROUP BY 1`

/** Of each day, what the price lines have against the calls that are in them: those that count by their admission. */
function* lineDifferences(): Steps<readonly LedgerDifference[]> {
  const from = yield* keptFrom()
  const calls = yield* query(PRICED, from, yield* olderBefore())
  return [...compared('price lines', calls, yield* query(LINES, from), LINE_MEASURES)]
}

/** Months are compared with days, which stay when calls are dropped. */
function* monthDifferences(table: string, ofDays: string, attribute?: string): Steps<Iterable<LedgerDifference>> {
  const [where, values] = attribute === undefined ? ['', []] : ['WHERE attribute = ?', [attribute]]
  const days = yield* query(`SELECT day AS at, ${SUMS} FROM ${ofDays} ${where} GROUP BY day`, ...values)
  const months = yield* query(`SELECT month AS at, ${SUMS} FROM ${table} ${where} GROUP BY month`, ...values)
  const name = attribute === undefined ? table : `${table} ${attribute === '' ? 'all' : attribute}`
  return compared(name, byMonth(days), months)
}

function byMonth(days: readonly Row[]): readonly Row[] {
  const months = new Map<EpochMs, Record<string, number>>()
  for (const day of days) {
    const at = monthOf(integer(day, 'at'))
    const month = months.get(at) ?? { at }
    for (const name of MEASURES) month[name] = (month[name] ?? 0) + integer(day, name)
    months.set(at, month)
  }
  return [...months.values()]
}

function* callSums(grainMs: number, from: EpochMs): Steps<readonly Row[]> {
  return yield* query(`SELECT counted_at / ${grainMs} * ${grainMs} AS at, ${CALL_SUMS} FROM calls WHERE counted_at >= ? GROUP BY 1`, from)
}

/** The first measure of every hour, day or month that differs; the account is the rollup's name and that instant. */
function* compared(
  name: string,
  calls: readonly Row[],
  rollup: readonly Row[],
  measures: readonly string[] = MEASURES,
): Iterable<LedgerDifference> {
  const right = new Map(calls.map((row) => [integer(row, 'at'), row]))
  const stored = new Map(rollup.map((row) => [integer(row, 'at'), row]))
  for (const at of new Set([...right.keys(), ...stored.keys()])) {
    const measure = measures.find((column) => sumAt(right, at, column) !== sumAt(stored, at, column))
    if (measure === undefined) continue
    const account = toAccountKey(toBudgetId(`${name}: ${measure}`), null, at)
    yield { account, what: 'rollup', calls: sumAt(right, at, measure), other: sumAt(stored, at, measure) }
  }
}

function sumAt(rows: ReadonlyMap<number, Row>, at: number, column: string): number {
  const row = rows.get(at)
  return row === undefined ? 0 : integer(row, column)
}

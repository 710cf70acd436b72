import { toAccountKey, toBudgetId } from '../../domain/ids.ts'
import type { LedgerDifference } from '../../engine/ports.ts'
import { chainHash } from './close-chain.ts'
import type { Database } from './database.ts'
import { accountSums, isCloseContent } from './ledger-queries.ts'
import { ATTRIBUTES, MEASURES } from './rollups.ts'
import { fromJson, integer, type Row, text } from './row.ts'

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS

/** Recomputes every account, close and rollup from the calls, and says where they differ. */
export function differences(db: Database): readonly LedgerDifference[] {
  const sums = accountSums(db)
  const used = new Map(sums.map((sum) => [sum.account, sum.used]))
  return [...accountDifferences(sums), ...closeDifferences(db, used), ...rollupDifferences(db)]
}

function* accountDifferences(sums: ReturnType<typeof accountSums>): Iterable<LedgerDifference> {
  for (const { account, used, overrun, row } of sums) {
    if (used !== row.used) yield { account, what: 'account', calls: used, other: row.used }
    else if (overrun !== row.overrun) yield { account, what: 'account', calls: overrun, other: row.overrun }
  }
}

/** A close differs where its sum does, and where it or one before it was changed after it was written. */
function* closeDifferences(db: Database, used: ReadonlyMap<string, number>): Iterable<LedgerDifference> {
  let previous = ''
  for (const row of db.each('SELECT content, hash FROM closes ORDER BY position')) {
    const json = text(row, 'content')
    const close = fromJson(json, isCloseContent)
    const calls = used.get(close.account) ?? 0
    const isIntact = chainHash(previous, json) === text(row, 'hash')
    if (!isIntact || calls !== close.used) yield { account: close.account, what: 'close', calls, other: close.used }
    previous = text(row, 'hash')
  }
}

function* rollupDifferences(db: Database): Iterable<LedgerDifference> {
  const hours = callSums(db, HOUR_MS)
  for (const attribute of ['', ...ATTRIBUTES, 'team+user']) {
    const sql = `SELECT hour AS at, ${SUMS} FROM rollup_hour WHERE attribute = ? GROUP BY hour`
    yield* compared(`rollup_hour ${attribute === '' ? 'all' : attribute}`, hours, db.all(sql, attribute))
  }
  yield* compared('rollup_day', callSums(db, DAY_MS), db.all(`SELECT day AS at, ${SUMS} FROM rollup_day GROUP BY day`))
}

const SUMS = MEASURES.map((name) => `sum(${name}) AS ${name}`).join(', ')

function callSums(db: Database, grainMs: number): readonly Row[] {
  const sums = MEASURES.slice(2).map((name) => `sum(${name}) AS ${name}`)
  return db.all(
    `SELECT ended_at / ${grainMs} * ${grainMs} AS at, count(*) AS calls, sum(usage_kind = 'estimated') AS estimated_calls, ${sums.join(', ')} FROM calls GROUP BY 1`,
  )
}

/** The first measure of every hour or day that differs; the account is the rollup's name and that instant. */
function* compared(name: string, calls: readonly Row[], rollup: readonly Row[]): Iterable<LedgerDifference> {
  const right = new Map(calls.map((row) => [integer(row, 'at'), row]))
  const stored = new Map(rollup.map((row) => [integer(row, 'at'), row]))
  for (const at of new Set([...right.keys(), ...stored.keys()])) {
    const measure = MEASURES.find((column) => sumAt(right, at, column) !== sumAt(stored, at, column))
    if (measure === undefined) continue
    const account = toAccountKey(toBudgetId(`${name}: ${measure}`), null, at)
    yield { account, what: 'rollup', calls: sumAt(right, at, measure), other: sumAt(stored, at, measure) }
  }
}

function sumAt(rows: ReadonlyMap<number, Row>, at: number, column: string): number {
  const row = rows.get(at)
  return row === undefined ? 0 : integer(row, column)
}

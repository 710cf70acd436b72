import { toAccountKey, toBudgetId } from '../../domain/ids.ts'
import type { LedgerDifference } from '../../engine/ports.ts'
import { chainHash } from './close-chain.ts'
import { keptFrom } from './dropped-calls.ts'
import { accountSums, isCloseContent } from './ledger-queries.ts'
import { ATTRIBUTES, DAY_MS, HOUR_MS, MEASURES } from './rollups.ts'
import { fromJson, integer, type Row, text } from './row.ts'
import { query, type Steps } from './statement.ts'

type Sum = ReturnType<typeof accountSums> extends Steps<readonly (infer T)[]> ? T : never

/** Recomputes every account, close and rollup from the calls, and says where they differ; of rollups, as far back as there are calls. */
export function* differences(): Steps<readonly LedgerDifference[]> {
  const sums = yield* accountSums()
  const used = new Map<string, number>(sums.map((sum) => [sum.account, sum.used]))
  return [...accountDifferences(sums), ...(yield* closeDifferences(used)), ...(yield* rollupDifferences())]
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

/** Sums of the rollups of one grain, and of the calls. */
function* rollupDifferences(): Steps<readonly LedgerDifference[]> {
  const from = yield* keptFrom()
  const found: LedgerDifference[] = []
  const hours = yield* callSums(HOUR_MS, from)
  const days = yield* callSums(DAY_MS, from)
  for (const attribute of ['', ...ATTRIBUTES, 'team+user']) {
    const name = attribute === '' ? 'all' : attribute
    const hourly = yield* query(
      `SELECT hour AS at, ${SUMS} FROM rollup_hour WHERE attribute = ? AND hour >= ? GROUP BY hour`,
      attribute,
      from,
    )
    found.push(...compared(`rollup_hour ${name}`, hours, hourly))
    const daily = yield* query(
      `SELECT day AS at, ${SUMS} FROM rollup_attribute_day WHERE attribute = ? AND day >= ? GROUP BY day`,
      attribute,
      from,
    )
    found.push(...compared(`rollup_attribute_day ${name}`, days, daily))
  }
  const daily = yield* query(`SELECT day AS at, ${SUMS} FROM rollup_day WHERE day >= ? GROUP BY day`, from)
  return [...found, ...compared('rollup_day', days, daily)]
}

const SUMS = MEASURES.map((name) => `sum(${name}) AS ${name}`).join(', ')
const CALL_SUMS = MEASURES.slice(2).map((name) => `sum(${name}) AS ${name}`)

function* callSums(grainMs: number, from: number): Steps<readonly Row[]> {
  return yield* query(
    `SELECT ended_at / ${grainMs} * ${grainMs} AS at, count(*) AS calls, count(*) FILTER (WHERE usage_kind = 'estimated') AS estimated_calls,
    ${CALL_SUMS.join(', ')} FROM ended_calls WHERE ended_at >= ? GROUP BY 1`,
    from,
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

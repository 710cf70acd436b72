import { DatabaseSync } from 'node:sqlite'
import pg from 'pg'
import { MEASURES } from '../src/stores/ledger/measures.ts'
import { CALL_FORM } from '../src/stores/ledger/older-calls.ts'
import { ATTRIBUTES } from '../src/stores/ledger/rollups.ts'
import { DAY_MS, HOUR, monthAfter, monthOf } from '../src/stores/ledger/utc-grain.ts'
import { ledgerPath } from '../src/stores/sqlite/database.ts'

/*
 * Calls written straight into a ledger's tables, as applying them would have left them: millions within minutes. Or as a version from before
 * price lines left them: then the rollups have a call in the hour in which it ended, some seconds after its admission. Price lines
 * are not filled in.
 */

/** Monday 2026-09-28 14:35 UTC: a month that is almost full. */
export const END = Date.UTC(2026, 8, 28, 14, 35)
const DAYS = 90
export const START = END - DAYS * DAY_MS
export const USERS = 2000
export const TEAMS = 50
export const MODELS = 12

/** What a model's tokens cost, in pico-USD: each a whole number of nano-USD, so that SQL sums costs up exactly. */
const PRICE = { inputPico: 1_250_000, cachedInputPico: 125_000, cacheWritePico: 1_250_000, outputPico: 10_000_000 }

/** Before price lines, calls were counted by their end. */
export type Version = 'older' | 'this'

const CALLERS = `INSERT INTO callers (team, project, "user", key, provider, model, tags, endpoint, price)
  SELECT 'team-' || (i / ${MODELS} % ${TEAMS}), 'project-' || (i / ${MODELS} % 20), 'user-' || (i / ${MODELS}), 'key-' || (i / ${MODELS} % ${TEAMS}),
    'openai', 'model-' || (i % ${MODELS}), '{}', 'openai.chat', '${JSON.stringify(PRICE)}' FROM`

const COLUMNS =
  'id, caller, admitted_at, ended_at, ending, status, usage_kind, why, input, cached_input, cache_write, output, reasoning, cost_nano_usd, ' +
  'charges, overrun, held_input, held_output, spared'

/** Every user calls in turn, every model too. */
const callsOf = (calls: number, version: Version): string => `INSERT INTO ended_calls (${COLUMNS}${version === 'older' ? '' : ', form'})
  SELECT 'call_' || (1000000000 + i), 1 + i * 7919 % ${USERS} * ${MODELS} + i * 31 % ${MODELS}, ${START} + i * ${DAYS * DAY_MS} / ${calls},
    ${START} + i * ${DAYS * DAY_MS} / ${calls} + i * 37 % 20000, 'done', 200, 'reported', '', 500 + i % 1000, i % 100, 0, 100 + i % 300, 0,
    (500 + i % 1000 - i % 100) * 1250 + i % 100 * 125 + (100 + i % 300) * 10000,
    '[[1,1000,0],[2,1000,0],[3,1000,0],[4,1000,0]]', 0, 2000, 500, 0${version === 'older' ? '' : `, ${CALL_FORM}`} FROM`

const SUMS = ["count(*), count(*) FILTER (WHERE usage_kind = 'estimated')", ...MEASURES.slice(2).map((name) => `sum(${name})`)].join(', ')

/** The rollups of the calls of a range, one statement for each kind of row. */
function rollupsOf(from: number, to: number, { calls, at }: Counted): readonly string[] {
  const values: [string, string][] = ATTRIBUTES.map((name) => [name, `"${name}"`])
  values.push(['', "''"], ['team+user', `'["' || team || '","' || "user" || '"]'`])
  const within = 'FROM filling'
  const all = ATTRIBUTES.map((name) => `"${name}"`).join(', ')
  return [
    `CREATE TEMP TABLE filling AS SELECT * FROM ${calls} WHERE ${at} >= ${from} AND ${at} < ${to}`,
    ...values.map(
      ([name, value]) => `INSERT INTO rollup_hour SELECT '${name}', ${at} / 3600000 * 3600000, ${value}, ${SUMS} ${within} GROUP BY 2, 3`,
    ),
    ...values.map(([name, value]) => `INSERT INTO rollup_attribute_day SELECT '${name}', ${from}, ${value}, ${SUMS} ${within} GROUP BY 3`),
    `INSERT INTO rollup_day SELECT ${from}, ${all}, ${SUMS} ${within} GROUP BY ${all}`,
    'DROP TABLE filling',
  ]
}

/** Months are sums of days. */
function monthsOf(month: number): readonly string[] {
  const sums = MEASURES.map((name) => `sum(${name})`).join(', ')
  const within = `WHERE day >= ${month} AND day < ${monthAfter(month)} GROUP BY`
  const all = ATTRIBUTES.map((name) => `"${name}"`).join(', ')
  return [
    `INSERT INTO rollup_attribute_month SELECT attribute, ${month}, value, ${sums} FROM rollup_attribute_day ${within} attribute, value`,
    `INSERT INTO rollup_month SELECT ${month}, ${all}, ${sums} FROM rollup_day ${within} ${all}`,
  ]
}

/** The calls, and the instant by which they are counted. */
interface Counted {
  readonly calls: string
  readonly at: string
}

interface Filling {
  readonly calls: number
  readonly version: Version
  readonly series: (count: number) => string
  /** What lets a call be found by its admission, where no index does by itself. */
  readonly index: readonly string[]
}

function* statementsOf({ calls, version, series, index }: Filling): Iterable<string> {
  const counted = version === 'older' ? { calls: 'calls', at: 'ended_at' } : { calls: 'admitted_calls', at: 'admitted_at' }
  yield `${CALLERS} ${series(USERS * MODELS)}`
  yield `${callsOf(calls, version)} ${series(calls)}`
  if (version === 'this') yield* index
  yield 'ANALYZE'
  const live = HOUR.floor(END)
  for (let day = START - (START % DAY_MS); day < live; day += DAY_MS) yield* rollupsOf(day, Math.min(day + DAY_MS, live), counted)
  for (let month = monthOf(START); month < END; month = monthAfter(month)) yield* monthsOf(month)
  yield `INSERT INTO ${version === 'older' ? 'rollup_live' : 'live_sums'} SELECT ${counted.at} / 3600000 * 3600000, caller, ${SUMS} FROM ${counted.calls} WHERE ${counted.at} >= ${live} GROUP BY 1, 2`
}

const ADMISSIONS = ['INSERT INTO admissions SELECT admitted_at, position FROM ended_calls ORDER BY 1, 2']

export function fillSqlite(dataDir: string, calls: number, version: Version = 'this'): void {
  const db = new DatabaseSync(ledgerPath(dataDir))
  db.exec('PRAGMA synchronous = OFF; PRAGMA cache_size = -262144; PRAGMA temp_store = MEMORY')
  const series = (count: number) =>
    `(WITH RECURSIVE series (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM series WHERE i + 1 < ${count}) SELECT i FROM series)`
  for (const statement of statementsOf({ calls, version, series, index: ADMISSIONS })) db.exec(statement)
  db.exec('PRAGMA wal_checkpoint(TRUNCATE)')
  db.close()
}

export async function fillPostgres(url: string, calls: number, version: Version = 'this'): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  await client.query("SET search_path = bursar; SET work_mem = '256MB'; SET synchronous_commit = off")
  for (let month = 5; month <= 9; month++) {
    const range = `FROM (${Date.UTC(2026, month)}) TO (${Date.UTC(2026, month + 1)})`
    await client.query(`CREATE TABLE ended_calls_2026_${String(month + 1).padStart(2, '0')} PARTITION OF ended_calls FOR VALUES ${range}`)
  }
  const series = (count: number) => `generate_series(0::bigint, ${count - 1}) AS series (i)`
  for (const statement of statementsOf({ calls, version, series, index: [] })) await client.query(statement)
  // As autovacuum does, only at once.
  await client.query('VACUUM ANALYZE')
  await client.end()
}

import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout } from 'node:timers/promises'
import { toCallId } from '../src/domain/ids.ts'
import type { Journal, Ledger } from '../src/engine/ports.ts'
import { ledgerPath } from '../src/stores/sqlite/database.ts'
import { openLedger } from '../src/stores/sqlite/open-ledger.ts'
import { migrate } from '../src/stores/sqlite/schema.ts'
import { DAY, DAY_MS } from '../src/stores/ledger/utc-grain.ts'
import { END, fillSqlite, START } from './ledger-fill.ts'

/*
 * How soon does Bursar start on the ledger of an older version, how long are its calls counted again, what room does that take, and what
 * do calls and reports feel of it? `node bench/migrate.ts 10000000` makes a ledger of ten million calls first.
 * On paper: the start changes a few texts in the schema, whatever the ledger's size. A slice reads 2,000 calls, adds their lines to some
 * thousand rows and their admissions to an index, in some 50 ms, and then waits as long: ten million calls are 5,000 slices, which is
 * ten minutes. An admission takes some 14 bytes, a price line 30 for each caller and day.
 */

const CALLS = Number(process.argv.find((argument) => /^\d+$/.test(argument)) ?? process.env['BENCH_CALLS'] ?? 20_000)
/** The schema of the last version without price lines. */
const OLDER_SCHEMA = 6
const EVER = { from: 0, to: 8_640_000_000_000_000, groupBy: [] }
const CALLS_A_SECOND = 200

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(0)} MB`
const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`
const rankOf = (values: readonly number[], share: number): number =>
  values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * share))] ?? 0
const spread = (values: readonly number[]): string =>
  `median ${rankOf(values, 0.5).toFixed(1)} ms, p99 ${rankOf(values, 0.99).toFixed(1)} ms, most ${rankOf(values, 1).toFixed(1)} ms`

function sizeOf(dataDir: string): number {
  return readdirSync(dataDir).reduce((sum, name) => {
    const file = statSync(join(dataDir, name))
    return sum + (file.isFile() ? file.size : 0)
  }, 0)
}

function makeOlder(dataDir: string): void {
  mkdirSync(dataDir, { recursive: true })
  const db = new DatabaseSync(ledgerPath(dataDir))
  db.exec('PRAGMA journal_mode = WAL')
  migrate(db, ledgerPath(dataDir), OLDER_SCHEMA)
  db.close()
  fillSqlite(dataDir, CALLS, 'older')
}

/** What the calls themselves add up to. */
function sumsOf(dataDir: string): readonly unknown[] {
  const db = new DatabaseSync(ledgerPath(dataDir), { readOnly: true })
  const row = db
    .prepare('SELECT count(*) AS calls, sum(input) AS input, sum(output) AS output, sum(cost_nano_usd) AS cost FROM ended_calls')
    .get()
  db.close()
  return Object.values(row ?? {})
}

/** Calls that go on, each from its hold to its end. @returns how long each step took until it was durable */
async function call(journal: Journal, signal: AbortSignal): Promise<readonly number[]> {
  const times: number[] = []
  for (let i = 0; !signal.aborted; i++) {
    const startedAt = performance.now()
    const attributes = { provider: 'openai', model: 'model-1', user: `user-${i % 100}`, tags: {} }
    const held = { id: toCallId(`new_${i}`), admittedAt: END + i, attributes, endpoint: 'openai.chat' }
    const hold = { call: held, charges: [], input: 700, output: 200, costNanoUsd: 0, expiresAt: END + 900_000, isSpared: false }
    await journal.appendOrFail({ kind: 'held', hold })
    const usage = { kind: 'reported', counts: { input: { total: 500 }, output: { total: 150 } } } as const
    const ended = { endedAt: END + i + 5, ending: 'done', status: 200, usage, costNanoUsd: 0, amounts: [], overrun: 0 } as const
    await journal.append([{ kind: 'ended', settlement: { call: held.id, ...ended }, alerts: [] }])
    times.push(performance.now() - startedAt)
    await setTimeout(1000 / CALLS_A_SECOND)
  }
  return times
}

/** A report by user of the month to date, once a second. @returns how long each took */
async function report(ledger: Ledger, signal: AbortSignal): Promise<readonly number[]> {
  const times: number[] = []
  while (!signal.aborted) {
    const startedAt = performance.now()
    await ledger.usage({ from: Date.UTC(2026, 8), to: END, groupBy: ['user'] })
    times.push(performance.now() - startedAt)
    await setTimeout(1000, undefined, { signal }).catch(() => undefined)
  }
  return times
}

/** Day by day: all of them at once would be gigabytes. */
async function linesOf(ledger: Ledger): Promise<{ readonly lines: number; readonly cost: number }> {
  let lines = 0
  let cost = 0
  for (let from = DAY.floor(START); from <= END + DAY_MS; from += DAY_MS) {
    for (const { costNanoUsd } of await ledger.priceLines({ from, to: from + DAY_MS })) {
      lines++
      cost += costNanoUsd
    }
  }
  return { lines, cost }
}

async function untilCounted(ledger: Ledger): Promise<void> {
  while ((await ledger.olderCalls()).left > 0) await setTimeout(Math.max(200, CALLS / 10_000))
}

const root = mkdtempSync(join(tmpdir(), 'bursar-migrate-'))
const dataDir = join(root, 'data')
try {
  const fillingAt = performance.now()
  makeOlder(dataDir)
  const before = sumsOf(dataDir)
  const sizeBefore = sizeOf(dataDir)
  console.log(
    `migrate: ${CALLS} calls from ${new Date(START).toISOString()} on, ${megabytes(sizeBefore)}, made in ${seconds(performance.now() - fillingAt)}`,
  )

  const openingAt = performance.now()
  const { journal, ledger, close } = await openLedger({ dataDir, durability: 'process', onTrouble: console.error })
  await ledger.openState()
  console.log(`migrate: ready after ${seconds(performance.now() - openingAt)}`)

  const stop = new AbortController()
  const calling = call(journal, stop.signal)
  const reporting = report(ledger, stop.signal)
  await untilCounted(ledger)
  const tookMs = performance.now() - openingAt
  stop.abort()
  const [calls, reports] = await Promise.all([calling, reporting])
  console.log(`migrate: older calls counted again in ${seconds(tookMs)}, ${Math.round(CALLS / (tookMs / 1000))} a second`)
  console.log(`migrate: ${calls.length} calls went on meanwhile: ${spread(calls)}`)
  console.log(`migrate: ${reports.length} reports by user meanwhile: ${spread(reports)}`)

  const checkingAt = performance.now()
  const differences = await ledger.differences()
  const [usage] = await ledger.usage(EVER)
  const { lines, cost } = await linesOf(ledger)
  await close()
  const [ownCalls, ownInput, ownOutput, ownCost] = sumsOf(dataDir)
  const isEqual = usage?.calls === ownCalls && usage?.input === ownInput && usage?.output === ownOutput && cost === ownCost
  console.log(
    `migrate: before ${before.join(' ')}; after ${[ownCalls, ownInput, ownOutput, ownCost].join(' ')}, with ${calls.length} new calls`,
  )
  console.log(
    `migrate: ${lines} price lines by day and caller; sums are ${isEqual ? 'equal' : 'NOT EQUAL'}; ${differences.length} differences, looked for in ${seconds(performance.now() - checkingAt)}`,
  )
  console.log(
    `migrate: ${megabytes(sizeBefore)} before, ${megabytes(sizeOf(dataDir))} after (x${(sizeOf(dataDir) / sizeBefore).toFixed(2)})`,
  )
  if (!isEqual || differences.length > 0) process.exitCode = 1
} finally {
  rmSync(root, { recursive: true, force: true })
}

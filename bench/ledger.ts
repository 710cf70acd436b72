import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { toAccountKey, toBudgetId, toCallId } from '../src/domain/ids.ts'
import type { LedgerRecord } from '../src/domain/record.ts'
import { periodAt } from '../src/domain/budgets/period.ts'
import type { UsageQuery } from '../src/engine/ports.ts'
import { openPostgresLedger } from '../src/stores/postgres/open-postgres-ledger.ts'
import { openSqliteStreamLedger } from '../src/stores/sqlite/open-stream-ledger.ts'
import type { StreamLedger } from '../src/stores/stream-applier.ts'
import { startPostgres } from '../test/services/start-postgres.ts'
import { END, fillPostgres, fillSqlite, MODELS, START, TEAMS, USERS } from './ledger-fill.ts'

/*
 * How long does a month-to-date report take over 90 days of calls, 2,000 users, 50 teams and 12 models, and how many calls a
 * second does the ledger take in, in SQLite and in Postgres? `node bench/ledger.ts 10000000` fills in ten million calls.
 * On paper: a month comes from a row for each value, so a report by user reads 2,000 of them and the live sums of the last hour, at
 * about 1 us each; how many calls there were does not matter. A call that is taken in costs its share of thirteen statements a
 * batch, a row and two index entries, a live sum, and its share of the rollups that are made of that.
 */

const CALLS = Number(process.argv.find((argument) => /^\d+$/.test(argument)) ?? process.env['BENCH_CALLS'] ?? 20_000)
const ROUNDS = Number(process.env['BENCH_ROUNDS'] ?? 9)
const BATCHES = Number(process.env['BENCH_BATCHES'] ?? 40)
const CALLS_IN_BATCH = 1000

const month = { from: Date.UTC(2026, 8), to: END }
const REPORTS: Readonly<Record<string, UsageQuery>> = {
  'by team': { ...month, groupBy: ['team'] },
  'by user': { ...month, groupBy: ['user'] },
  'by model': { ...month, groupBy: ['model'] },
  'by day': { ...month, groupBy: [], interval: { kind: 'day', timezone: 'UTC' } },
  'by day in Berlin': { ...month, groupBy: [], interval: { kind: 'day', timezone: 'Europe/Berlin' } },
  'by team and user': { ...month, groupBy: ['team', 'user'] },
  'by team and model': { ...month, groupBy: ['team', 'model'] },
}

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0

/** @returns the median in milliseconds, and the sum of the calls that it found */
async function timed(ledger: StreamLedger['ledger'], query: UsageQuery): Promise<{ readonly ms: number; readonly calls: number }> {
  const times: number[] = []
  let calls = 0
  for (let round = 0; round <= ROUNDS; round++) {
    const startedAt = performance.now()
    const rows = await ledger.usage(query)
    // The first one warms the caches up.
    if (round > 0) times.push(performance.now() - startedAt)
    calls = rows.reduce((sum, row) => sum + row.calls, 0)
  }
  return { ms: median(times), calls }
}

const budgets = ['global', 'team', 'project', 'key'].map(toBudgetId)
const period = periodAt({ kind: 'month', timezone: 'UTC' }, END)
const accounts = budgets.map((budget) => toAccountKey(budget, null, period.startsAt))
const opened: readonly LedgerRecord[] = budgets.map((budget, i) => {
  return { kind: 'opened', account: accounts[i] ?? toAccountKey(budget, null, 0), budget, each: null, unit: 'tokens', period }
})
const callers = Array.from({ length: USERS }, (_, user) =>
  Array.from({ length: MODELS }, (_, model) => {
    const team = user % TEAMS
    return {
      team: `team-${team}`,
      project: `project-${team}`,
      user: `user-${user}`,
      key: `key-${team}`,
      provider: 'p',
      model: `m-${model}`,
      tags: {},
    }
  }),
).flat()

/** Calls of all users in turn, each charged to four accounts, held and ended in the same batch. */
function batchOf(nr: number): readonly LedgerRecord[] {
  const records: LedgerRecord[] = []
  for (let i = nr * CALLS_IN_BATCH; i < (nr + 1) * CALLS_IN_BATCH; i++) {
    const id = toCallId(`taken_${i}`)
    const attributes = callers[(i * 7919) % callers.length]
    if (attributes === undefined) continue
    const call = { id, admittedAt: END, attributes, endpoint: 'openai.chat' }
    const charges = accounts.map((account) => ({ account, amount: 900 }))
    records.push({ kind: 'held', hold: { call, charges, input: 700, output: 200, costNanoUsd: 0, expiresAt: END, isSpared: false } })
    const usage = { kind: 'reported', counts: { input: { total: 500 }, output: { total: 150 } } } as const
    const amounts = accounts.map(() => 650)
    const settlement = { call: id, endedAt: END + i, ending: 'done', status: 200, usage, costNanoUsd: 0, amounts, overrun: 0 } as const
    records.push({ kind: 'ended', settlement, alerts: [] })
  }
  return records
}

/** @returns calls a second */
async function takeIn({ applier }: StreamLedger): Promise<number> {
  const at = (nr: number) => ({ epoch: 'bench', id: `${nr}-0` })
  await applier.apply({ records: opened, from: await applier.position(), next: at(0) })
  const batches = Array.from({ length: BATCHES }, (_, nr) => batchOf(nr))
  const startedAt = performance.now()
  for (const [nr, records] of batches.entries()) await applier.apply({ records, from: at(nr), next: at(nr + 1) })
  return Math.round((BATCHES * CALLS_IN_BATCH * 1000) / (performance.now() - startedAt))
}

async function seconds(work: () => Promise<void> | void): Promise<string> {
  const startedAt = performance.now()
  await work()
  return `${((performance.now() - startedAt) / 1000).toFixed(1)} s`
}

const dataDir = mkdtempSync(join(tmpdir(), 'bursar-bench-'))
const server = await startPostgres().catch(() => undefined)
const sqlite = await openSqliteStreamLedger({ dataDir, onTrouble: console.error })
const postgres = server === undefined ? undefined : await openPostgresLedger({ url: server.url, onTrouble: console.error })
try {
  console.log(
    `ledger: ${CALLS} calls from ${new Date(START).toISOString()} on; filled into SQLite in ${await seconds(() => fillSqlite(dataDir, CALLS))}`,
  )
  if (server === undefined) console.log('ledger: no Postgres is installed')
  else console.log(`ledger: and into Postgres in ${await seconds(() => fillPostgres(server.url, CALLS))}`)
  for (const [name, query] of Object.entries(REPORTS)) {
    const own = await timed(sqlite.ledger, query)
    const other = postgres === undefined ? undefined : await timed(postgres.ledger, query)
    const ratio = other === undefined ? '' : `, Postgres ${other.ms.toFixed(1)} ms (x${(other.ms / own.ms).toFixed(1)})`
    console.log(`ledger: month to date ${name}: SQLite ${own.ms.toFixed(1)} ms${ratio}; checksum ${own.calls} ${other?.calls ?? ''}`)
  }
  const own = await takeIn(sqlite)
  const other = postgres === undefined ? undefined : await takeIn(postgres)
  const ratio = other === undefined ? '' : `, Postgres ${other} (x${(other / own).toFixed(2)})`
  console.log(`ledger: calls taken in a second, in batches of ${CALLS_IN_BATCH}: SQLite ${own}${ratio}`)
} finally {
  await Promise.all([sqlite.close(), postgres?.close()])
  await server?.stop()
  rmSync(dataDir, { recursive: true, force: true })
}

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { describeRecount } from '../contract/recount.contract.ts'
import { AT } from '../contract/sample-records.ts'
import { type Database, ledgerPath, openForWriting, wrap } from './database.ts'
import { sqliteDialect } from './dialect.ts'
import { openLedger } from './open-ledger.ts'
import { migrate } from './schema.ts'
import { useDirectory } from './test-directory.ts'

const directory = useDirectory()
const OLDER_SCHEMA = 6

describeRecount(
  'SQLite',
  async (run) => {
    const dataDir = join(directory(), run)
    mkdirSync(dataDir)
    const older = new DatabaseSync(ledgerPath(dataDir))
    migrate(older, ledgerPath(dataDir), OLDER_SCHEMA)
    let db: Database = wrap(older)
    return {
      dialect: sqliteDialect,
      run: async (steps) => db.transaction('IMMEDIATE', () => db.steps(steps())),
      upgrade: async () => {
        db.close()
        db = openForWriting(dataDir)
      },
      close: async () => db.close(),
    }
  },
  40,
)

const OLDER_CALLS = 12_000
const PRICE = '{"inputPico":1250333,"cachedInputPico":125000,"cacheWritePico":1250000,"outputPico":10000000}'
/** A call every 20 seconds, each ten minutes long: every third ends in another hour than it was admitted in. */
const FILL = `
INSERT INTO callers (id, team, project, user, key, provider, model, tags, endpoint, price)
  VALUES (1, 'a', '', 'ann', 'k', 'openai', 'gpt-5', '{}', 'openai.chat', '${PRICE}'), (2, 'b', '', 'bob', 'k', 'openai', 'ours', '{}', 'openai.chat', '');
INSERT INTO ended_calls (id, caller, admitted_at, ended_at, ending, status, usage_kind, why, input, cached_input, cache_write, output, reasoning,
    cost_nano_usd, charges, overrun, held_input, held_output)
  WITH RECURSIVE series (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM series WHERE i + 1 < ${OLDER_CALLS})
  SELECT 'older-' || i, 1 + i % 2, ${AT} - i * 20000, ${AT} - i * 20000 + 600000, 'done', 200, 'reported', '', 100 + i % 50, i % 40, 0, i % 30, 0,
    i % 7, '[]', 0, 200, 50 FROM series;
INSERT INTO rollup_live SELECT ended_at / 3600000 * 3600000, caller, count(*), 0, sum(input), sum(cached_input), sum(cache_write), sum(output),
  sum(reasoning), sum(cost_nano_usd) FROM ended_calls GROUP BY 1, 2;
`

function recounted(dataDir: string): number {
  const db = new DatabaseSync(ledgerPath(dataDir), { readOnly: true })
  const row = db.prepare("SELECT value FROM meta WHERE name = 'recounted_calls'").get()
  db.close()
  return Number(row?.['value'])
}

test('a process that is killed at any moment goes on where it was: no call is counted again twice, and calls go on', async () => {
  const dataDir = join(directory(), 'killed')
  mkdirSync(dataDir)
  const older = new DatabaseSync(ledgerPath(dataDir))
  migrate(older, ledgerPath(dataDir), OLDER_SCHEMA)
  older.exec(FILL)
  older.close()
  const script = fileURLToPath(new URL('./appending-process.ts', import.meta.url))
  for (let before = 0, round = 0; round < 3; round++) {
    const child = spawn(process.execPath, [script, dataDir, join(directory(), `notes-${round}`), 'process'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const exited = once(child, 'exit')
    await once(child.stdout, 'data')
    await expect.poll(() => recounted(dataDir), { timeout: 30_000, interval: 5 }).toBeGreaterThan(before)
    child.kill('SIGKILL')
    expect(await exited).toEqual([null, 'SIGKILL'])
    before = Math.min(recounted(dataDir), OLDER_CALLS - 1)
  }
  const { ledger, close } = await openLedger({ dataDir, durability: 'process' })
  await expect.poll(() => ledger.olderCalls(), { timeout: 60_000 }).toEqual({ counted: OLDER_CALLS, left: 0 })
  expect(await ledger.differences()).toEqual([])
  const [usage] = await ledger.usage({ from: 0, to: 1e15, groupBy: [] })
  const lines = await ledger.priceLines({ from: 0, to: 1e15 })
  expect(usage?.calls).toBeGreaterThan(OLDER_CALLS)
  expect(lines.reduce((sum, { costNanoUsd }) => sum + costNanoUsd, 0)).toBe(usage?.costNanoUsd)
  await close()
})

import pg from 'pg'
import { setTimeout } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { useDatabases } from '../../../test/services/postgres-databases.ts'
import { accountOf, alert, AT, called, closed, opened } from '../contract/sample-records.ts'
import { drain, manyBatches, placeOf } from '../contract/stream.contract.ts'
import { migrate } from './migrate.ts'
import { openPostgresLedger } from './open-postgres-ledger.ts'

const database = useDatabases()
const quiet = { onTrouble: () => undefined }

async function withClient<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.end()
  }
}

/** After them, what drains may go on undisturbed, however slow the machine is. */
const KILLS_MAX = 40
const OTHERS = 'SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = current_database()'

test('connections that are ended in the middle of a transaction, or anywhere, lose and double nothing', async () => {
  const url = await database('killed')
  const told: string[] = []
  const processes = await Promise.all([1, 2].map(() => openPostgresLedger({ url, onTrouble: (message) => told.push(message) })))
  const batches = manyBatches(80, 20)
  const drained = { isDone: false }
  const draining = Promise.all(processes.map(({ applier }) => drain(applier, batches))).finally(() => (drained.isDone = true))
  let killed = 0
  await withClient(url, async (client) => {
    while (!drained.isDone && killed < KILLS_MAX) {
      const active = `${OTHERS} AND state <> 'idle' ORDER BY random() LIMIT 1`
      const { rowCount } = await client.query(`SELECT pg_terminate_backend(pid) FROM (${active}) AS one`)
      killed += rowCount ?? 0
      await setTimeout(Math.random() * 25)
    }
  })
  await draining
  const [{ ledger }] = processes as [(typeof processes)[0]]
  expect(killed).toBeGreaterThan(5)
  expect(await ledger.sums()).toEqual([{ account: accountOf('global'), used: 1600, overrun: 0 }])
  expect(await ledger.usage({ from: 0, to: 1e15, groupBy: [] })).toMatchObject([{ calls: 1600 }])
  expect(await ledger.alerts({ limit: 99 })).toHaveLength(8)
  expect(await ledger.differences()).toEqual([])
  await withClient(url, (client) => client.query(`SELECT pg_terminate_backend(pid) FROM (${OTHERS}) AS others`))
  await expect.poll(() => told.length).toBeGreaterThan(0)
  expect(told[0]).toMatch(/^a connection broke \(Postgres at 127\.0\.0\.1:\d+\/[\w-]*killed\): an administrator ended the connection/)
  await Promise.all(processes.map(({ close }) => close()))
})

test('months have partitions of their own, made on demand and ahead, and dropped when their calls are', async () => {
  const url = await database('months')
  const { applier, ledger, retention, close } = await openPostgresLedger({ url, ...quiet })
  const partitions = () =>
    withClient(url, async (client) => {
      const { rows } = await client.query(
        "SELECT relname AS name FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid WHERE inhparent = 'bursar.ended_calls'::regclass",
      )
      return rows.map(({ name }) => String(name)).toSorted()
    })
  const at = (id: string, admittedAt: number) => {
    const [hold, end] = called(id, { charges: { global: 1 }, endedAt: admittedAt + 5 })
    if (hold.kind !== 'held') throw new Error('a call begins with its hold')
    return [{ ...hold, hold: { ...hold.hold, call: { ...hold.hold.call, admittedAt } } }, end] as const
  }
  const turn = Date.UTC(2026, 11, 31, 23, 59, 59, 999)
  const records = [opened('global'), ...at('old', Date.UTC(2026, 8, 1)), ...at('last', turn), ...at('next', turn + 1)]
  await applier.apply({ records, from: placeOf(0), next: placeOf(1) })
  const all = ['2026_09', '2026_10', '2026_12', '2027_01', '2027_02'].map((month) => `ended_calls_${month}`)
  expect(await partitions()).toEqual(all)
  expect((await ledger.sums())[0]?.used).toBe(3)

  const reader = new pg.Client({ connectionString: url })
  await reader.connect()
  await reader.query('BEGIN; SELECT count(*) FROM bursar.ended_calls')
  expect(await retention.dropCallsBefore(Date.UTC(2026, 10, 20))).toBe(1)
  expect(await partitions(), 'a report that runs is not waited for').toEqual(all)
  await reader.query('COMMIT')
  await reader.end()
  expect(await retention.dropCallsBefore(Date.UTC(2026, 10, 20))).toBe(0)
  expect(await partitions()).toEqual(all.slice(2))
  await applier.apply({ records: at('late', Date.UTC(2026, 8, 2)), from: placeOf(1), next: placeOf(2) })
  expect((await ledger.sums())[0]?.used).toBe(4)
  expect(await ledger.differences()).toEqual([])
  await close()
})

test('what is append-only is so also by hand', async () => {
  const url = await database('append-only')
  const { applier, close } = await openPostgresLedger({ url, ...quiet })
  const records = [opened('a'), ...called('call-1', { charges: { a: 1 } }), closed('a', 2)]
  await applier.apply({ records, from: placeOf(0), next: placeOf(1) })
  await withClient(url, async (client) => {
    for (const table of ['ended_calls', 'ended_calls_2026_10', 'closes', 'audit', 'callers']) {
      const column = table === 'closes' ? 'hash' : table === 'callers' ? 'team' : 'id'
      await expect(client.query(`UPDATE bursar.${table} SET ${column} = 'x'`), table).rejects.toThrow(/never changed/)
      await expect(client.query(`DELETE FROM bursar.${table}`), table).rejects.toThrow(/never changed/)
    }
    await expect(client.query('TRUNCATE bursar.ended_calls')).rejects.toThrow(/never changed/)
  })
  await close()
})

test('names of any length and with any character are stored, and kept apart', async () => {
  const url = await database('names')
  const { applier, ledger, close } = await openPostgresLedger({ url, ...quiet })
  const long = Array.from({ length: 20_000 }, (_, i) => String.fromCodePoint(0x4e00 + ((i * 7919) % 20_000))).join('')
  const models = ['', 'a\0', 'a\uFFFD', 'a"\\{},\n\'', long, `${long}x`, '\ud800', '€𝄞', 'NULL']
  const calls = models.flatMap((model, i) =>
    called(`call-${i}`, { attributes: { model, tags: { what: long } }, charges: { [model === '' ? 'none' : `m${i}`]: 1 } }),
  )
  const accounts = models.map((model, i) => opened(model === '' ? 'none' : `m${i}`))
  const each = opened('each', long)
  await applier.apply({
    records: [
      ...accounts,
      each,
      ...calls,
      { kind: 'alerted', alert: { ...alert('each', 0.8), id: long, account: accountOf('each', long) } },
    ],
    from: placeOf(0),
    next: placeOf(1),
  })
  const rows = await ledger.usage({ from: 0, to: 1e15, groupBy: ['model'] })
  expect(new Map(rows.map(({ group, calls: count }) => [group[0], count]))).toEqual(
    new Map([
      ['', 1],
      ['a\uFFFD', 2],
      ['a"\\{},\n\'', 1],
      [long, 1],
      [`${long}x`, 1],
      ['\uFFFD', 1],
      ['€𝄞', 1],
      ['NULL', 1],
    ]),
  )
  expect(await ledger.usage({ from: 0, to: 1e15, groupBy: ['model', 'key'] })).toHaveLength(8)
  expect((await ledger.alerts({ limit: 1 }))[0]?.deliveries).toHaveLength(1)
  expect((await ledger.openState()).accounts.at(-1)).toMatchObject({ each: long, alertedAt: 0.8 })
  expect(await ledger.differences()).toEqual([])
  await close()
})

test('long reports keep neither quick questions nor batches waiting', async () => {
  const url = await database('reports')
  const { applier, ledger, close } = await openPostgresLedger({ url, ...quiet })
  await applier.apply({ records: [opened('global'), ...called('call-1', { charges: { global: 1 } })], from: placeOf(0), next: placeOf(1) })
  await withClient(url, async (client) => {
    await client.query('BEGIN; LOCK TABLE bursar.rollup_day IN ACCESS EXCLUSIVE MODE')
    const reports = [1, 2, 3, 4].map(() => ledger.usage({ from: 0, to: 1e15, groupBy: ['team', 'model'] }))
    await setTimeout(50)
    expect((await ledger.openState()).accounts).toHaveLength(1)
    expect(await applier.position()).toEqual(placeOf(1))
    expect(await applier.apply({ records: [opened('other')], from: placeOf(1), next: placeOf(2) })).toBe(0)
    await client.query('COMMIT')
    expect(await Promise.all(reports)).toHaveLength(4)
  })
  await close()
})

test('an older database has sums by the month, too, once it is brought up to date, whatever zone its sessions are in', async () => {
  const url = await database('older')
  const pool = new pg.Pool({ connectionString: url })
  await migrate(pool, url, '2026-11-25-first')
  await withClient(url, async (client) => {
    await client.query(`ALTER DATABASE ${client.escapeIdentifier(client.database ?? '')} SET timezone = 'America/New_York'`)
    // Of the days around two turns of a month, each with its number as its input.
    for (const [i, day] of ['2026-08-31', '2026-09-01', '2026-09-30', '2026-10-01'].entries()) {
      const sums = [Date.parse(day), 1, 0, i + 1, 0, 0, 1, 0, 5]
      await client.query(`INSERT INTO bursar.rollup_attribute_day VALUES ('user', $1, 'ann', $2, $3, $4, $5, $6, $7, $8, $9)`, sums)
      await client.query(`INSERT INTO bursar.rollup_day VALUES ($1, 'a', '', 'ann', '', 'p', 'm', $2, $3, $4, $5, $6, $7, $8, $9)`, sums)
    }
  })
  await pool.end()
  await (await openPostgresLedger({ url, ...quiet })).close()
  const months = [
    { month: String(Date.UTC(2026, 7)), input: '1' },
    { month: String(Date.UTC(2026, 8)), input: '5' },
    { month: String(Date.UTC(2026, 9)), input: '4' },
  ]
  for (const table of ['rollup_attribute_month', 'rollup_month']) {
    const { rows } = await withClient(url, (client) => client.query(`SELECT month, input FROM bursar.${table} ORDER BY month`))
    expect(rows).toEqual(months)
  }
})

test('partitions of an older version get their part of the index on the admission while calls go on, also after it broke off', async () => {
  const url = await database('index')
  const pool = new pg.Pool({ connectionString: url })
  await migrate(pool, url, '2026-11-25-live-and-months')
  await withClient(url, async (client) => {
    for (const month of [8, 9]) {
      const range = `FROM (${Date.UTC(2026, month)}) TO (${Date.UTC(2026, month + 1)})`
      await client.query(
        `CREATE TABLE bursar.ended_calls_2026_${String(month + 1).padStart(2, '0')} PARTITION OF bursar.ended_calls FOR VALUES ${range}`,
      )
    }
  })
  await migrate(pool, url)
  const isValid = async () => {
    const { rows } = await pool.query<{ valid: boolean }>(
      "SELECT indisvalid AS valid FROM pg_index WHERE indexrelid = 'bursar.ended_calls_admitted_at'::regclass",
    )
    return rows[0]?.valid
  }
  expect(await isValid()).toBe(false)
  // As it is left where it breaks off before it is attached.
  await pool.query('CREATE INDEX ended_calls_2026_10_admitted ON bursar.ended_calls_2026_10 (admitted_at)')
  const { applier, ledger, close } = await openPostgresLedger({ url, ...quiet })
  await applier.apply({ records: [opened('global'), ...called('call-1', { charges: { global: 1 } })], from: placeOf(0), next: placeOf(1) })
  await expect.poll(isValid, { timeout: 20_000 }).toBe(true)
  const month = called('call-2', { charges: { global: 1 }, admittedAt: AT + 40 * 86_400_000 })
  await applier.apply({ records: month, from: placeOf(1), next: placeOf(2) })
  expect(await isValid()).toBe(true)
  expect(await ledger.differences()).toEqual([])
  await close()
  await pool.end()
})

test('a database that a newer Bursar wrote is refused, and nothing in it is changed', async () => {
  const url = await database('newer')
  await (await openPostgresLedger({ url, ...quiet })).close()
  await withClient(url, (client) => client.query("INSERT INTO bursar.kysely_migration VALUES ('2099-01-01-last', now()::text)"))
  await expect(openPostgresLedger({ url, ...quiet })).rejects.toThrow(
    /at 127\.0\.0\.1:\d+\/[\w-]*newer was written by a newer Bursar \(2099-01-01-last\)/,
  )
})

test.each([
  [
    'postgres://bursar:s3cr%2Ft@127.0.0.1:9/db',
    /^can't open the ledger \(Postgres at 127\.0\.0\.1:9\/db\): nothing listens there: .*store\.database/,
  ],
  ['postgres://bursar:s3cr%2Ft@no-such-host.invalid/db', /no-such-host\.invalid.*host name/],
])('a server that can not be reached is named with what to do, and without the password: %s', async (url, message) => {
  const failure: unknown = await openPostgresLedger({ url, ...quiet }).catch((error: unknown) => error)
  expect(failure).toMatchObject({ code: 'store_unavailable', message: expect.stringMatching(message) })
  expect(String(failure)).not.toMatch(/s3cr/)
})

test('a database that is not there, and a user without the right, are named with what to do', async () => {
  const url = new URL(await database('rights'))
  await withClient(url.href, (client) => client.query("CREATE ROLE guest LOGIN PASSWORD 'pw'"))
  const missing = new URL(url)
  missing.pathname = '/missing'
  await expect(openPostgresLedger({ url: missing.href, ...quiet })).rejects.toThrow(/there is no such database: create it/)
  url.username = 'guest'
  await expect(openPostgresLedger({ url: url.href, ...quiet })).rejects.toThrow(/grant it CREATE on the database/)
})

test('the time of a call is not what makes it another: ended twice, in two months, it is charged once', async () => {
  const url = await database('twice')
  const { applier, ledger, close } = await openPostgresLedger({ url, ...quiet })
  const once = called('call-1', { charges: { global: 3 } })
  const again = called('call-1', { charges: { global: 3 }, endedAt: AT + 90 * 86_400_000 })
  await applier.apply({ records: [opened('global'), ...once], from: placeOf(0), next: placeOf(1) })
  await applier.apply({ records: again, from: placeOf(1), next: placeOf(2) })
  expect((await ledger.sums())[0]?.used).toBe(3)
  expect(await ledger.differences()).toEqual([])
  await close()
})

import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterAll, describe, expect, test } from 'vitest'
import { periodAt } from '../../domain/budgets/period.ts'
import type { Usage } from '../../domain/usage/usage.ts'
import { accountOf, AT, alert, called, closed, ended, held, opened } from '../contract/sample-records.ts'
import { systemClock } from '../../engine/system-clock.ts'
import { ledgerPath } from './database.ts'
import { openJournal } from './journal.ts'
import { createLedgerReader } from './ledger-reader.ts'
import { startLedgerWriter } from './ledger-writer.ts'
import { catchUp, openLedger } from './open-ledger.ts'
import { migrate } from './schema.ts'
import { journalDir, segmentNumbers } from './segment.ts'
import { useDirectory } from './test-directory.ts'

const directory = useDirectory()

test('only its owner can read the directory', async () => {
  const dataDir = join(directory(), 'modes', 'below')
  const { close } = await openLedger({ dataDir, durability: 'disk' })
  expect(statSync(dataDir).mode & 0o777).toBe(0o700)
  await close()
})

test('new alerts are told of, repeated ones are not', async () => {
  let told = 0
  const heard = Promise.withResolvers<void>()
  const onAlerts = () => {
    told++
    heard.resolve()
  }
  const { journal, ledger, close } = await openLedger({ dataDir: join(directory(), 'alerts'), durability: 'process', onAlerts })
  await journal.append([opened('a'), { kind: 'alerted', alert: alert('a', 0.8) }])
  await heard.promise
  await journal.append([{ kind: 'alerted', alert: alert('a', 0.8) }])
  await ledger.openState()
  expect(told).toBe(1)
  await close()
})

test('calls, closes and the audit can not be changed afterwards, and what is changed past the triggers is found', async () => {
  const dataDir = join(directory(), 'immutable')
  const first = await openLedger({ dataDir, durability: 'process' })
  await first.journal.append([opened('a'), opened('b'), held('call-1', ['a', 'b'])])
  await first.journal.append([ended('call-1', { amounts: [4, 5] }), closed('a', 4), closed('b', 5)])
  // An hour later: so that of the first call there is more than live sums.
  await first.journal.append([...called('call-2', { admittedAt: AT + 3_600_000 })])
  await first.close()

  const db = new DatabaseSync(ledgerPath(dataDir))
  for (const table of ['ended_calls', 'callers', 'price_lines', 'closes', 'audit']) {
    db.prepare(
      `INSERT OR IGNORE INTO audit (id, at, actor, action, target, reason, before, after) VALUES ('x', 1, '', '', '', '', '', '')`,
    ).run()
    expect(() => db.exec(`DELETE FROM ${table}`)).toThrow('are never changed')
    expect(() =>
      db.exec(`UPDATE ${table} SET ${table === 'callers' || table === 'price_lines' ? 'id = id' : 'position = position'} + 1`),
    ).toThrow('are never changed')
  }
  db.exec('DROP TRIGGER closes_no_UPDATE; DROP TRIGGER ended_calls_no_UPDATE')
  db.exec(`UPDATE closes SET content = json_set(content, '$.name', 'Another name') WHERE account LIKE 'a%'`)
  db.exec(`UPDATE accounts SET used = 6 WHERE budget = 'b'; UPDATE rollup_hour SET input = input + 1 WHERE attribute = 'model';
    UPDATE rollup_attribute_month SET calls = 0 WHERE attribute = 'user'; UPDATE rollup_month SET output = 9;
    UPDATE line_days SET cost_nano_usd = cost_nano_usd + 1 WHERE line = (SELECT id FROM price_lines WHERE part = 'call')`)
  db.close()

  const second = await openLedger({ dataDir, durability: 'process' })
  expect(await second.ledger.differences()).toEqual([
    { account: accountOf('b'), what: 'account', calls: 5, other: 6 },
    { account: accountOf('a'), what: 'close', calls: 4, other: 4 },
    { account: expect.stringContaining('rollup_attribute_month user: calls'), what: 'rollup', calls: 1, other: 0 },
    { account: expect.stringContaining('rollup_hour model: input'), what: 'rollup', calls: 7, other: 8 },
    { account: expect.stringContaining('rollup_month: output'), what: 'rollup', calls: 3, other: 9 },
    { account: expect.stringContaining('price lines: cost_nano_usd'), what: 'rollup', calls: 80, other: 81 },
  ])
  await second.close()
})

test('a ledger of an older version is brought up to date, and every call reads as before', async () => {
  const dataDir = join(directory(), 'older')
  mkdirSync(dataDir, { recursive: true })
  const db = new DatabaseSync(ledgerPath(dataDir))
  migrate(db, ledgerPath(dataDir), 2)
  const add =
    db.prepare(`INSERT INTO calls VALUES (NULL, ?, 1, ?, 'a', '', 'ann', 'k', 'openai', ?, '{}', 'openai.chat', 'done', 200, 'reported', '',
    10, 0, 0, 5, 0, 7, ?, '[]', 0, 10, 5)`)
  add.run('call-1', AT, 'gpt-5', '{"inputPico":1}')
  add.run('call-2', AT + 1, 'gpt-5', null)
  add.run('call-3', AT + 2, 'gpt-5', '{"inputPico":1}')
  const read = 'SELECT position, id, ended_at, user, model, price, charges, held_output FROM calls ORDER BY position'
  const before = db.prepare(read).all()
  expect(before).toHaveLength(3)
  migrate(db, ledgerPath(dataDir))
  expect(db.prepare(read).all()).toEqual(before)
  expect(db.prepare('SELECT count(*) AS n FROM callers').get()).toEqual({ n: 2 })
  db.close()
})

test('an older ledger has sums by the day and the month, too, once it is brought up to date, and goes on', async () => {
  const dataDir = join(directory(), 'days')
  mkdirSync(dataDir, { recursive: true })
  const db = new DatabaseSync(ledgerPath(dataDir))
  migrate(db, ledgerPath(dataDir), 3)
  const hours = Array.from({ length: 300 }, (_, i) => AT - (AT % 3_600_000) - i * 7 * 3_600_000)
  const addHour = db.prepare(`INSERT INTO rollup_hour VALUES ('user', ?, ?, 1, 0, ?, 0, 0, 1, 0, 5)`)
  const addAll = db.prepare(`INSERT INTO rollup_hour VALUES ('', ?, '', 1, 0, ?, 0, 0, 1, 0, 5)`)
  const addDay = db.prepare(
    `INSERT INTO rollup_day VALUES (?, '', '', ?, '', 'p', 'm', 1, 0, ?, 0, 0, 1, 0, 5) ON CONFLICT DO UPDATE SET calls = calls + 1, input = input + excluded.input`,
  )
  for (const [i, hour] of hours.entries()) {
    const user = `u${i % 2}`
    addHour.run(hour, user, i)
    addAll.run(hour, i)
    addDay.run(hour - (hour % 86_400_000), user, i)
  }
  db.close()

  const { journal, ledger, close } = await openLedger({ dataDir, durability: 'process' })
  await journal.append([...called('call-1', { attributes: { user: 'u0' } })])
  const interval = { kind: 'month', timezone: 'Europe/Berlin' } as const
  const rows = await ledger.usage({ from: 0, to: 1e15, groupBy: ['user'], interval })
  const both = await ledger.usage({ from: 0, to: 1e15, groupBy: ['user', 'model'] })
  await close()
  const expected = new Map<string, number>()
  const add = (user: string, at: number, input: number) => {
    const month = `${periodAt(interval, at).startsAt} ${user}`
    expected.set(month, (expected.get(month) ?? 0) + input)
  }
  for (const [i, hour] of hours.entries()) add(`u${i % 2}`, hour + 1, i)
  add('u0', AT, 7)
  expect(new Map(rows.map(({ startsAt, group, input }) => [`${startsAt} ${group[0]}`, input]))).toEqual(expected)
  expect(expected.size).toBe(8)
  const inAll = [...expected.values()].reduce((sum, input) => sum + input)
  expect(both.reduce((sum, { input }) => sum + input, 0)).toBe(inAll)
})

test('old calls are dropped while the journal goes on', async () => {
  const { journal, ledger, retention, close } = await openLedger({ dataDir: join(directory(), 'dropped'), durability: 'process' })
  const calls = Array.from({ length: 12_000 }, (_, i) => called(`call-${i}`, { charges: { global: 1 }, admittedAt: AT - i * 60_000 }))
  await journal.append([opened('global'), ...calls.flat()])
  await ledger.openState()
  const dropping = retention.dropCallsBefore(AT)
  const appended = journal.append(calls.flatMap((_, i) => called(`more-${i}`, { charges: { global: 1 } })))
  // 1,350 minutes of the day are kept, and the minute at its start.
  expect(await dropping).toBe(12_000 - 1351)
  await appended
  expect(await ledger.sums()).toEqual([{ account: accountOf('global'), used: 24_000, overrun: 0 }])
  expect(await ledger.differences()).toEqual([])
  await close()
})

test('a ledger thread that crashes is started again, and nothing is lost or taken in twice', async () => {
  const dataDir = join(directory(), 'crashed')
  mkdirSync(journalDir(dataDir), { recursive: true })
  const told: string[] = []
  const onTrouble = (message: string) => told.push(message)
  const writer = await startLedgerWriter({ dataDir, onAlerts: () => undefined, onTrouble })
  const journal = openJournal({ dataDir, durability: 'process', start: writer.start, clock: systemClock, onGrown: writer.grown, onTrouble })
  const ledger = createLedgerReader(dataDir, () => catchUp(journal, writer))
  await journal.append([opened('global'), ...called('call-0', { charges: { global: 1 } })])
  for (let round = 1; round <= 3; round++) {
    void journal.append(Array.from({ length: 500 }, (_, i) => called(`call-${round}-${i}`, { charges: { global: 1 } })).flat())
    await journal.flush()
    await writer.crash()
    await expect(journal.append([...called(`call-${round}`, { charges: { global: 1 } })])).resolves.toBeUndefined()
    await expect.poll(() => ledger.sums().catch(() => []), { timeout: 20_000 }).toMatchObject([{ used: round * 501 + 1 }])
  }
  expect(told[0]).toContain('started again')
  expect(await ledger.differences()).toEqual([])
  await journal.close()
  await ledger.stop()
  await writer.stop()
})

test('journal files are deleted only when the database file has all of them', async () => {
  const dataDir = join(directory(), 'segments')
  mkdirSync(journalDir(dataDir), { recursive: true })
  const writer = await startLedgerWriter({ dataDir, onAlerts: () => undefined, onTrouble: () => undefined })
  const options = { dataDir, durability: 'process' as const, start: writer.start, clock: systemClock, onTrouble: () => undefined }
  const journal = openJournal({ ...options, onGrown: writer.grown, segmentBytesMax: 2000 })
  await journal.append([opened('global')])
  for (let i = 0; i < 40; i++) {
    await journal.append([...called(`call-${i}`, { charges: { global: 1 } })])
    if (i === 20) await writer.catchUp(journal.end())
  }
  expect(segmentNumbers(dataDir).length).toBeGreaterThan(2)
  await writer.catchUp(journal.end())
  await journal.close()
  await writer.stop()
  expect(segmentNumbers(dataDir)).toEqual([journal.end().segment])
  rmSync(`${ledgerPath(dataDir)}-wal`, { force: true })
  const { ledger, close } = await openLedger({ dataDir, durability: 'process' })
  expect((await ledger.sums())[0]?.used).toBe(40)
  await close()
})

const mounted: string[] = []

afterAll(() => {
  for (const path of mounted) execFileSync('umount', [path])
})

/** A file system of that size of its own; undefined where this process may not mount. */
function smallDisk(name: string, size: string): string | undefined {
  const path = join(directory(), name)
  mkdirSync(path)
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', path], { stdio: 'pipe' })
  } catch {
    return undefined
  }
  mounted.push(path)
  return path
}

/** Takes all the room that is left. */
function fill(disk: string): string {
  const path = join(disk, 'filler')
  for (const bytes of [65_536, 4096, 1]) {
    try {
      for (;;) writeFileSync(path, Buffer.alloc(bytes), { flag: 'a' })
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ENOSPC')) throw error
    }
  }
  return path
}

describe('a disk that is full or read-only', () => {
  test('refuses what may fail, loses nothing that was acknowledged, and is caught up with when there is room', async ({ skip }) => {
    const disk = smallDisk('full', '2m')
    if (disk === undefined) return skip('needs the right to mount a small file system')
    const dataDir = join(disk, 'data')
    const told: string[] = []
    const first = await openLedger({ dataDir, durability: 'process', onTrouble: (message) => told.push(message) })
    await first.journal.append([opened('global')])
    await first.journal.appendOrFail(held('call-1', ['global']))
    await first.ledger.openState()
    const filler = fill(disk)

    const refused: string[] = []
    for (let i = 0; i < 40; i++)
      await first.journal.appendOrFail(held(`call-full-${i}`, ['global'])).catch(() => refused.push(`call-full-${i}`))
    expect(refused.length).toBeGreaterThan(10)
    const usage: Usage = { kind: 'estimated', counts: { input: { total: 4 } }, why: 'as long as the room that is left'.repeat(20) }
    await first.journal.append([ended('call-1', { amounts: [4], usage })])
    expect(first.journal.trouble()).toMatch(/no space is left on the disk: free some space there \(ENOSPC\)/)
    await expect(first.ledger.usage({ from: 0, to: 1, groupBy: [] })).rejects.toMatchObject({ code: 'store_unavailable' })

    rmSync(filler)
    await expect.poll(() => first.journal.trouble(), { timeout: 10_000 }).toBeUndefined()
    const holds = (await first.ledger.openState()).holds.map(({ call }) => String(call.id))
    expect(holds.filter((id) => refused.includes(id))).toEqual([])
    expect(holds).toHaveLength(40 - refused.length)
    await first.close()
    const second = await openLedger({ dataDir, durability: 'process' })
    expect((await second.ledger.sums())[0]?.used).toBe(4)
    await second.close()
  })

  test('is named at the start, with what to do', async ({ skip }) => {
    const disk = smallDisk('full-at-start', '1m')
    if (disk === undefined) return skip('needs the right to mount a small file system')
    mkdirSync(join(disk, 'data', 'journal'), { recursive: true })
    fill(disk)
    const opening = openLedger({ dataDir: join(disk, 'data'), durability: 'process' })
    await expect(opening).rejects.toMatchObject({ code: 'store_unavailable' })
    await expect(opening).rejects.toThrow(new RegExp(`${disk}.*(no space|whether it is full)`))
  })

  test('that is read-only is named at the start, with what to do', async ({ skip }) => {
    const disk = smallDisk('read-only', '2m')
    if (disk === undefined) return skip('needs the right to mount a small file system')
    const dataDir = join(disk, 'data')
    const { close } = await openLedger({ dataDir, durability: 'process' })
    await close()
    execFileSync('mount', ['-o', 'remount,ro', disk])
    const opening = openLedger({ dataDir, durability: 'process' })
    await expect(opening).rejects.toMatchObject({ code: 'store_unavailable' })
    await expect(opening).rejects.toThrow(new RegExp(`${dataDir}.*writable`))
    expect(readdirSync(dataDir)).toContain('ledger.db')
  })
})

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { accountOf, called, ended, opened } from '../contract/sample-records.ts'
import { Applier } from './applier.ts'
import { ledgerPath, openForWriting } from './database.ts'
import { JournalReader } from './journal-reader.ts'
import { openLedger } from './open-ledger.ts'
import { recover } from './recovery.ts'
import { toLine } from './record-line.ts'
import { journalDir, segmentPath } from './segment.ts'
import { useDirectory } from './test-directory.ts'

const directory = useDirectory()

/** Runs the appending process on that directory, and kills it at some moment. @returns what was acknowledged to it */
async function killAtSomeMoment(dataDir: string, durability: 'process' | 'disk'): Promise<readonly string[]> {
  const script = fileURLToPath(new URL('./appending-process.ts', import.meta.url))
  const notes = join(directory(), 'notes')
  writeFileSync(notes, '')
  const child = spawn(process.execPath, [script, dataDir, notes, durability], { stdio: ['ignore', 'pipe', 'inherit'] })
  const exited = once(child, 'exit')
  await once(child.stdout, 'data')
  await setTimeout(Math.random() * 120)
  child.kill('SIGKILL')
  expect(await exited).toEqual([null, 'SIGKILL'])
  return readFileSync(notes, 'utf8').split('\n').slice(0, -1)
}

function rowsOf(dataDir: string, sql: string): readonly string[] {
  const db = new DatabaseSync(ledgerPath(dataDir), { readOnly: true })
  const rows = db.prepare(sql).all()
  db.close()
  return rows.map((row) => String(row['id']))
}

async function sumsOf(dataDir: string) {
  const { ledger, close } = await openLedger({ dataDir, durability: 'process' })
  const state = await ledger.openState()
  const found = { sums: await ledger.sums(), holds: state.holds.length, differences: await ledger.differences() }
  await close()
  return found
}

describe('after kill -9', () => {
  test('20 times in a row: every acknowledged record is there, and none twice', async () => {
    const dataDir = join(directory(), 'killed')
    const acknowledged = { held: new Set<string>(), ended: new Set<string>() }
    for (let round = 0; round < 20; round++) {
      const lines = await killAtSomeMoment(dataDir, round % 4 === 3 ? 'disk' : 'process')
      for (const line of lines) {
        const [what, id] = line.split(' ')
        acknowledged[what === 'held' ? 'held' : 'ended'].add(id!)
      }
    }
    const { sums, differences } = await sumsOf(dataDir)
    const calls = rowsOf(dataDir, 'SELECT id FROM calls')
    const holds = rowsOf(dataDir, 'SELECT call AS id FROM holds')
    expect(acknowledged.ended.size).toBeGreaterThan(0)
    expect(new Set(calls).size).toBe(calls.length)
    expect([...acknowledged.ended.difference(new Set(calls))]).toEqual([])
    expect([...acknowledged.held.difference(new Set([...calls, ...holds]))]).toEqual([])
    expect(sums).toEqual([{ account: accountOf('global'), used: calls.length * 10, overrun: 0 }])
    expect(differences).toEqual([])
  })
})

describe('the end of a journal that was cut off while it was written', () => {
  test('costs what was written with the last line and no other record, at whichever byte it was cut', () => {
    const whole = toLine([opened('global'), ...called('call-1', { charges: { global: 4 } })])
    const last = toLine(called('call-2', { charges: { global: 3 } }))
    const cuts = Array.from({ length: last.length + 1 }, (_, bytes) => bytes)
    for (const bytes of cuts.filter((cut) => cut < 24 || cut > last.length - 24 || cut % 7 === 0)) {
      const dataDir = join(directory(), `torn-${bytes}`)
      mkdirSync(journalDir(dataDir), { recursive: true })
      writeFileSync(segmentPath(dataDir, 1), whole + last.slice(0, bytes))
      const db = openForWriting(dataDir)
      recover(dataDir, { db, applier: new Applier(db), journal: new JournalReader(dataDir) })
      const isWhole = bytes === last.length
      expect(db.first('SELECT used, calls FROM accounts'), `cut behind ${bytes} bytes`).toEqual(
        isWhole ? { used: 7, calls: 2 } : { used: 4, calls: 1 },
      )
      expect(db.first('SELECT count(*) AS holds FROM holds'), `cut behind ${bytes} bytes`).toEqual({ holds: 0 })
      db.close()
      rmSync(dataDir, { recursive: true })
    }
  })

  test('is not in the way of what is appended next', async () => {
    const dataDir = join(directory(), 'torn')
    mkdirSync(journalDir(dataDir), { recursive: true })
    writeFileSync(segmentPath(dataDir, 1), `${toLine([opened('global')])}${toLine([ended('call-1')]).slice(0, 50)}`)
    const { journal, close } = await openLedger({ dataDir, durability: 'process' })
    await journal.append([...called('call-2', { charges: { global: 5 } })])
    await close()
    expect((await sumsOf(dataDir)).sums[0]?.used).toBe(5)
  })

  test('costs nothing more where whole blocks of it are zeros', async () => {
    const dataDir = join(directory(), 'zeros')
    mkdirSync(journalDir(dataDir), { recursive: true })
    writeFileSync(
      segmentPath(dataDir, 1),
      `${[opened('global'), ...called('call-1', { charges: { global: 4 } })].map((record) => toLine([record])).join('')}${'\0'.repeat(8192)}`,
    )
    expect((await sumsOf(dataDir)).sums[0]?.used).toBe(4)
  })
})

describe('a damaged store is named, and nothing is guessed', () => {
  const opening = (dataDir: string) => openLedger({ dataDir, durability: 'process' })

  test('a bad line in the middle of the journal, with its file, its byte and what to do', async () => {
    const dataDir = join(directory(), 'damaged')
    mkdirSync(journalDir(dataDir), { recursive: true })
    const first = toLine([opened('global')])
    writeFileSync(segmentPath(dataDir, 1), `${first}00000000 {"kind":"audit"}\n${toLine([ended('call-1')])}`)
    await expect(opening(dataDir)).rejects.toMatchObject({ code: 'store_unavailable' })
    await expect(opening(dataDir)).rejects.toThrow(`${segmentPath(dataDir, 1)} has no readable line at byte ${first.length}`)
    await expect(opening(dataDir)).rejects.toThrow('remove the line that begins at that byte')
    writeFileSync(
      segmentPath(dataDir, 1),
      `${first}${called('call-1', { charges: { global: 3 } })
        .map((record) => toLine([record]))
        .join('')}`,
    )
    expect((await sumsOf(dataDir)).sums[0]?.used).toBe(3)
  })

  test('a journal file that is missing between others', async () => {
    const dataDir = join(directory(), 'gap')
    mkdirSync(journalDir(dataDir), { recursive: true })
    writeFileSync(segmentPath(dataDir, 1), toLine([opened('global')]))
    writeFileSync(segmentPath(dataDir, 3), toLine([ended('call-1')]))
    await expect(opening(dataDir)).rejects.toThrow(`${segmentPath(dataDir, 2)} is missing`)
  })

  test('a ledger that is older than its journal', async () => {
    const dataDir = join(directory(), 'older')
    mkdirSync(journalDir(dataDir), { recursive: true })
    writeFileSync(segmentPath(dataDir, 5), toLine([opened('global')]))
    await expect(opening(dataDir)).rejects.toThrow(/restore both from one backup/)
  })

  test('a record of a newer version, which is not taken for a torn one', async () => {
    const dataDir = join(directory(), 'newer-record')
    mkdirSync(journalDir(dataDir), { recursive: true })
    const unknown = { ...opened('global'), kind: 'invented-later' } as unknown as ReturnType<typeof opened>
    writeFileSync(segmentPath(dataDir, 1), toLine([unknown]))
    await expect(opening(dataDir)).rejects.toThrow(/newer Bursar/)
    expect(readFileSync(segmentPath(dataDir, 1), 'utf8')).toBe(toLine([unknown]))
  })

  test('a database whose head is damaged', async () => {
    const dataDir = join(directory(), 'head')
    await sumsOf(dataDir)
    writeFileSync(ledgerPath(dataDir), 'x'.repeat(8192))
    await expect(opening(dataDir)).rejects.toMatchObject({ code: 'store_unavailable' })
    await expect(opening(dataDir)).rejects.toThrow(`can't open ${ledgerPath(dataDir)}: the file is not a SQLite database`)
    await expect(opening(dataDir)).rejects.toThrow(/restore data_dir from a backup/)
  })

  test('a database of a newer version', async () => {
    const dataDir = join(directory(), 'newer')
    await sumsOf(dataDir)
    const db = new DatabaseSync(ledgerPath(dataDir))
    db.exec('PRAGMA user_version = 999')
    db.close()
    await expect(opening(dataDir)).rejects.toThrow(/was written by a newer Bursar \(schema 999/)
  })

  test('a path that is a file', async () => {
    const path = join(directory(), 'file')
    writeFileSync(path, '')
    await expect(opening(join(path, 'data'))).rejects.toThrow(/a part of the path is a file/)
  })
})

test('a journal that lost its end in a power cut goes on from the ledger, and says so', async () => {
  const dataDir = join(directory(), 'power-cut')
  const first = await openLedger({ dataDir, durability: 'process' })
  await first.journal.append([opened('global'), ...called('call-1', { charges: { global: 4 } })])
  await first.ledger.openState()
  const copy = join(directory(), 'power-cut-copy')
  mkdirSync(journalDir(copy), { recursive: true })
  for (const name of readdirSync(dataDir).filter((name) => name.startsWith('ledger.db')))
    copyFileSync(join(dataDir, name), join(copy, name))
  copyFileSync(segmentPath(dataDir, 1), segmentPath(copy, 1))
  await first.close()
  truncateSync(segmentPath(copy, 1), 100)

  const told: string[] = []
  const second = await openLedger({ dataDir: copy, durability: 'process', onTrouble: (message) => told.push(message) })
  expect(told).toEqual([expect.stringContaining('Going on from the ledger')])
  await second.journal.append([...called('call-2', { charges: { global: 5 } })])
  await second.close()
  expect((await sumsOf(copy)).sums[0]?.used).toBe(9)
})

test('a second process is kept out while the first one lives, and let in when it is killed', async () => {
  const dataDir = join(directory(), 'locked')
  const { close } = await openLedger({ dataDir, durability: 'process' })
  await expect(openLedger({ dataDir, durability: 'process' })).rejects.toThrow(`data_dir ${dataDir} is in use by another Bursar process`)
  await close()
  await killAtSomeMoment(dataDir, 'process')
  expect((await sumsOf(dataDir)).differences).toEqual([])
})

import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { audited, ended, held, opened } from '../contract/sample-records.ts'
import type { LedgerRecord } from '../../domain/record.ts'
import { systemClock } from '../../engine/system-clock.ts'
import { type Disk, systemDisk } from './disk.ts'
import { type FileJournal, type JournalOptions, openJournal } from './journal.ts'
import { JournalReader } from './journal-reader.ts'
import { toLine } from './record-line.ts'
import { journalDir, segmentNumbers, segmentPath } from './segment.ts'
import { useDirectory } from './test-directory.ts'

const directory = useDirectory()
let count = 0

interface Opened {
  readonly journal: FileJournal
  readonly dataDir: string
  readonly told: readonly string[]
  /** Runs the retry that the journal is waiting for. */
  readonly retry: () => Promise<void>
}

function open(options: Partial<JournalOptions> = {}): Opened {
  const dataDir = join(directory(), `journal-${++count}`)
  mkdirSync(journalDir(dataDir), { recursive: true })
  const told: string[] = []
  let waiting: (() => void) | undefined
  const clock = {
    now: systemClock.now,
    after: (_: number, run: () => void) => {
      waiting = run
      return () => undefined
    },
  }
  const start = { segment: 1, offset: 0 }
  const onTrouble = (message: string) => told.push(message)
  const journal = openJournal({ dataDir, durability: 'process', start, clock, onGrown: () => undefined, onTrouble, ...options })
  const retry = async () => {
    waiting?.()
    await journal.flush()
  }
  return { journal, dataDir, told, retry }
}

type Fault = 'none' | 'full' | 'last page' | 'sync'

const LAST_PAGE_LENGTH = 1000

/** The real disk with a fault that can be put on and taken off: the next writes end early (or only long ones), or syncs fail. */
function faultyDisk(): Disk & { fault: Fault; writes: number; syncs: number } {
  const disk = {
    ...systemDisk,
    fault: 'none' as Fault,
    writes: 0,
    syncs: 0,
    write: (fd: number, bytes: Buffer, position: number) => {
      disk.writes++
      const isTooLong = disk.fault === 'full' || (disk.fault === 'last page' && bytes.length > LAST_PAGE_LENGTH)
      const taken = isTooLong ? bytes.subarray(0, Math.floor(bytes.length / 2)) : bytes
      return systemDisk.write(fd, taken, position)
    },
    syncData: async (fd: number) => {
      disk.syncs++
      await systemDisk.syncData(fd)
      if (disk.fault === 'sync') throw Object.assign(new Error('EIO: i/o error, fdatasync'), { code: 'EIO' })
    },
  }
  return disk
}

function recordsIn(dataDir: string): readonly LedgerRecord[] {
  const reader = new JournalReader(dataDir)
  const last = segmentNumbers(dataDir).at(-1) ?? 1
  const end = { segment: last, offset: readFileSync(segmentPath(dataDir, last)).length }
  const records: LedgerRecord[] = []
  let position = { segment: 1, offset: 0 }
  for (;;) {
    const batch = reader.read(position, end, 3)
    if (batch.records.length === 0) break
    records.push(...batch.records)
    position = batch.next
  }
  reader.close()
  return records
}

test('all records of a turn of the event loop are one line in one write, in their order', async () => {
  const disk = faultyDisk()
  const { journal, dataDir } = open({ disk })
  const records = [opened('a'), held('call-1', ['a']), ended('call-1'), audited('entry é\n')]
  await Promise.all([journal.append([records[0]!, records[1]!]), journal.appendOrFail(records[2]!), journal.append([records[3]!])])
  expect(disk.writes).toBe(1)
  expect(readFileSync(segmentPath(dataDir, 1), 'utf8')).toBe(toLine(records))
  expect(recordsIn(dataDir)).toEqual(JSON.parse(JSON.stringify(records)))
  await journal.close()
})

test('a file that has its size is followed by the next one, and they read as one journal', async () => {
  const { journal, dataDir } = open({ segmentBytesMax: 1000 })
  const records = Array.from({ length: 20 }, (_, i) => audited(`entry-${i}`))
  for (const record of records) await journal.append([record])
  expect(segmentNumbers(dataDir).length).toBeGreaterThan(2)
  expect(recordsIn(dataDir)).toEqual(records)
  await journal.close()
})

test.each(['process', 'disk'] as const)(
  'on a full disk (durability %s) what may fail is never written, what must not get lost is written when there is room, before anything newer',
  async (durability) => {
    const disk = faultyDisk()
    const { journal, dataDir, told, retry } = open({ disk, durability })
    await journal.append([opened('a')])
    disk.fault = 'full'
    const hold = journal.appendOrFail(held('call-1'))
    const settled = journal.append([ended('call-0')])
    await expect(hold).rejects.toMatchObject({ code: 'store_unavailable' })
    await settled
    await expect(journal.appendOrFail(held('call-2'))).rejects.toThrow(
      `can't write ${segmentPath(dataDir, 1)}: no space is left on the disk`,
    )
    expect(recordsIn(dataDir)).toEqual([opened('a')])
    expect(journal.trouble()).toBe(told[0])
    expect(told).toHaveLength(1)
    await retry()
    expect(journal.hasBacklog()).toBe(true)
    disk.fault = 'none'
    await journal.appendOrFail(held('call-3'))
    expect(journal.trouble()).toBeUndefined()
    expect(recordsIn(dataDir)).toEqual([opened('a'), ended('call-0'), held('call-3')])
    await journal.close()
  },
)

test('trouble ends by itself when the disk has room again, also where no record waits', async () => {
  const disk = faultyDisk()
  const { journal, dataDir, retry } = open({ disk })
  disk.fault = 'full'
  await expect(journal.appendOrFail(held('call-1'))).rejects.toThrow('no space')
  await retry()
  expect(journal.trouble()).toContain('no space')
  disk.fault = 'none'
  await retry()
  expect(journal.trouble()).toBeUndefined()
  expect(readFileSync(segmentPath(dataDir, 1), 'utf8')).toBe('')
  await journal.close()
})

test('a short record that still fits on the last page of a full disk does not end the trouble', async () => {
  const disk = faultyDisk()
  const { journal, dataDir } = open({ disk })
  const long = held(
    'call-1',
    Array.from({ length: 100 }, (_, i) => `budget-${i}`),
  )
  disk.fault = 'last page'
  await expect(journal.appendOrFail(long)).rejects.toThrow('no space')
  await journal.append([ended('call-0')])
  expect(journal.trouble()).toContain('no space')
  await expect(journal.appendOrFail(held('call-2'))).rejects.toThrow('no space')
  disk.fault = 'none'
  await journal.appendOrFail(held('call-3'))
  expect(journal.trouble()).toBeUndefined()
  expect(recordsIn(dataDir)).toEqual([ended('call-0'), held('call-3')])
  await journal.close()
})

test('with durability disk one sync serves all who came during the one before', async () => {
  const disk = faultyDisk()
  const { journal } = open({ disk, durability: 'disk' })
  const appended: Promise<void>[] = []
  const first = journal.append([audited('entry')])
  for (let turn = 0; turn < 50; turn++) {
    appended.push(journal.append([audited(`entry-${turn}`)]))
    await new Promise(setImmediate)
  }
  await Promise.all([first, ...appended])
  expect(disk.syncs).toBeLessThan(50)
  expect(journal.end().offset).toBeGreaterThan(0)
  await journal.close()
})

test('a sync that failed is never trusted again: nothing is admitted until the next start, and what must not get lost is still written', async () => {
  const disk = faultyDisk()
  const { journal, dataDir, told, retry } = open({ disk, durability: 'disk' })
  await journal.append([opened('a')])
  disk.fault = 'sync'
  const hold = journal.appendOrFail(held('call-1'))
  const settled = journal.append([ended('call-0')])
  await expect(hold).rejects.toThrow(/can't sync .*0000000001\.jsonl to the disk: the disk reports an error/)
  await settled
  disk.fault = 'none'
  await retry()
  expect(journal.trouble()).toContain('until Bursar is started again')
  await expect(journal.appendOrFail(held('call-2'))).rejects.toMatchObject({ code: 'store_unavailable' })
  await journal.append([ended('call-3')])
  expect(recordsIn(dataDir)).toEqual([opened('a'), ended('call-0'), ended('call-3')])
  expect(journal.trouble()).toContain('until Bursar is started again')
  expect(told).toHaveLength(1)
  await journal.close()
})

test('records that could not be written up to the end are a failure of the close', async () => {
  const disk = faultyDisk()
  const { journal } = open({ disk })
  disk.fault = 'full'
  await journal.append([ended('call-1')])
  await expect(journal.close()).rejects.toThrow(/1 records could not be written/)
  await expect(journal.appendOrFail(held('call-2'))).rejects.toThrow(/shutting down/)
})

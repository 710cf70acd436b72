import { mkdirSync } from 'node:fs'
import { Failure } from '../../engine/failure.ts'
import type { Clock, Journal, Ledger, Retention } from '../../engine/ports.ts'
import { systemClock } from '../../engine/system-clock.ts'
import { lockDataDir } from './data-dir-lock.ts'
import { type FileJournal, openJournal } from './journal.ts'
import { createLedgerReader, type LedgerReader } from './ledger-reader.ts'
import { type LedgerWriter, startLedgerWriter } from './ledger-writer.ts'
import { createRetention, recountOlder } from './open-stream-ledger.ts'
import { journalDir } from './segment.ts'
import { explain } from './storage-error.ts'

export interface LedgerOptions {
  readonly dataDir: string
  /** `process` survives `kill -9`, `disk` a power cut. */
  readonly durability: 'process' | 'disk'
  readonly clock?: Clock
  /** Called when the ledger has stored new alerts. */
  readonly onAlerts?: () => void
  /** Hears, in one line, of what keeps records from the disk or the ledger from following. */
  readonly onTrouble?: (message: string) => void
}

export interface OpenedLedger {
  readonly journal: Journal
  readonly ledger: Ledger
  /** What keeps the ledger from following the journal; undefined: nothing. */
  readonly ledgerTrouble: () => string | undefined
  readonly retention: Retention
  /**
   * Writes and applies everything, and lets go of the directory; once, however often it is called.
   * @throws Failure store_unavailable where records can't be written even now; the directory is let go of all the same
   */
  readonly close: () => Promise<void>
}

/**
 * Opens the ledger in `dataDir`, which is created where it is missing. What a process that died left in the journal is taken in first.
 * @throws Failure store_unavailable where another process has the directory, or it can't be read or written; nothing is left open
 */
export async function openLedger(options: LedgerOptions): Promise<OpenedLedger> {
  const { dataDir, durability, clock = systemClock, onAlerts = () => undefined, onTrouble = () => undefined } = options
  createDirectories(dataDir)
  const unlock = lockDataDir(dataDir, 'exclusive')
  let writer: LedgerWriter | undefined
  try {
    const started = await startLedgerWriter({ dataDir, onAlerts, onTrouble })
    writer = started
    const journal = openJournal({ dataDir, durability, start: started.start, clock, onGrown: started.grown, onTrouble })
    const reader = createLedgerReader(dataDir, () => catchUp(journal, started))
    const stopRecounting = recountOlder(dataDir, onTrouble)
    let closing: Promise<void> | undefined
    return {
      journal,
      ledger: reader,
      ledgerTrouble: started.trouble,
      retention: createRetention(dataDir),
      close: () => (closing ??= close({ journal, reader, writer: started, stopRecounting, unlock })),
    }
  } catch (error) {
    await writer?.stop()
    unlock()
    throw error
  }
}

/** Every record that was appended before a question is in its answer, or there is none. */
export async function catchUp(journal: FileJournal, writer: LedgerWriter): Promise<void> {
  await journal.flush()
  if (journal.hasBacklog()) throw new Failure('store_unavailable', journal.trouble() ?? 'records wait for the disk')
  await writer.catchUp(journal.end())
}

function createDirectories(dataDir: string): void {
  try {
    mkdirSync(journalDir(dataDir), { recursive: true, mode: 0o700 })
  } catch (error) {
    throw explain(error, `can't create the data_dir ${dataDir}`)
  }
}

interface Parts {
  readonly journal: FileJournal
  readonly reader: LedgerReader
  readonly writer: LedgerWriter
  readonly stopRecounting: () => Promise<void>
  readonly unlock: () => void
}

async function close({ journal, reader, writer, stopRecounting, unlock }: Parts): Promise<void> {
  try {
    await journal.close()
  } finally {
    // What the ledger can't take in now, it takes in at the next start.
    await writer.catchUp(journal.end()).catch(() => undefined)
    await Promise.all([reader.stop(), stopRecounting()])
    await writer.stop()
    unlock()
  }
}

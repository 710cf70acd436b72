import { mkdirSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import type { CallId } from '../../domain/ids.ts'
import type { EpochMs } from '../../domain/instant.ts'
import type { Retention } from '../../engine/ports.ts'
import { droppedUpTo } from '../ledger/dropped-calls.ts'
import type { Recounted } from '../ledger/recount-older.ts'
import { startRecounting } from '../ledger/recounting.ts'
import type { StreamApplier, StreamLedger, StreamPosition } from '../stream-applier.ts'
import { lockDataDir } from './data-dir-lock.ts'
import { createLedgerReader } from './ledger-reader.ts'
import { toText } from '../ledger/record-text.ts'
import { explain } from './storage-error.ts'
import { Thread } from './thread.ts'
import type { Writing } from './writing-worker.ts'

export interface SqliteStreamLedgerOptions {
  readonly dataDir: string
  /** Hears, in one line, of a thread that ended. */
  readonly onTrouble: (message: string) => void
}

const PAUSE_MS = 20

/**
 * Opens the ledger in `dataDir` (created where it is missing) whose journal is a stream; several processes of one machine may
 * have it open, but none that keeps its own journal there.
 * @throws Failure store_unavailable where such a process has the directory, or it can't be read or written; nothing is left open
 */
export async function openSqliteStreamLedger({ dataDir, onTrouble }: SqliteStreamLedgerOptions): Promise<StreamLedger> {
  try {
    mkdirSync(dataDir, { recursive: true, mode: 0o700 })
  } catch (error) {
    throw explain(error, `can't create the data_dir ${dataDir}`)
  }
  const unlock = lockDataDir(dataDir, 'shared')
  const writing = writingThread(dataDir, onTrouble)
  const reader = createLedgerReader(dataDir, async () => undefined)
  let stopRecounting: (() => Promise<void>) | undefined
  const close = async () => {
    await stopRecounting?.()
    await Promise.all([writing.stop(), reader.stop()])
    unlock()
  }
  let closing: Promise<void> | undefined
  try {
    const applier = createApplier(writing)
    await applier.position()
    stopRecounting = recountOlder(dataDir, onTrouble)
    return {
      applier,
      ledger: reader,
      retention: { dropCallsBefore: (before) => drop(writing, before) },
      close: () => (closing ??= close()),
    }
  } catch (error) {
    await close()
    throw error
  }
}

/** Counts calls of an older version again, in a thread of its own, while others write. @returns ends it */
export function recountOlder(dataDir: string, onTrouble: (message: string) => void): () => Promise<void> {
  const writing = writingThread(dataDir)
  const stop = startRecounting({
    slice: async () => {
      const recounted: Recounted = JSON.parse(await writing.ask({ kind: 'recount' }))
      if (recounted.isDone) await writing.stop()
      return recounted
    },
    onTrouble,
  })
  return async () => {
    await stop()
    await writing.stop()
  }
}

/** Drops calls beside the thread that follows the journal: SQLite lets one of them write at a time. */
export function createRetention(dataDir: string): Retention {
  return {
    dropCallsBefore: async (before) => {
      const writing = writingThread(dataDir)
      try {
        return await drop(writing, before)
      } finally {
        await writing.stop()
      }
    },
  }
}

function writingThread(dataDir: string, onTrouble?: (message: string) => void): Thread {
  return new Thread(new URL('./writing-worker.ts', import.meta.url), { dataDir, name: 'ledger-writing', onTrouble })
}

function createApplier(writing: Thread): StreamApplier {
  const ask = (what: Writing): Promise<string> => writing.ask(what)
  return {
    position: async () => {
      const position: StreamPosition = JSON.parse(await ask({ kind: 'position' }))
      return position
    },
    apply: async ({ records, ...places }) => {
      const alerts: number | null = JSON.parse(await ask({ kind: 'apply', records: toText(records), ...places }))
      return alerts ?? undefined
    },
    known: async (calls) => {
      const known: readonly (readonly [CallId, 'held' | 'ended'])[] = JSON.parse(await ask({ kind: 'known', calls }))
      return new Map(known)
    },
  }
}

async function drop(writing: Thread, before: EpochMs): Promise<number> {
  const what: Writing = { kind: 'drop', before: droppedUpTo(before) }
  let dropped = 0
  for (;;) {
    const slice: number = JSON.parse(await writing.ask(what))
    if (slice === 0) return dropped
    dropped += slice
    // Whoever waits to write comes first: SQLite keeps no queue.
    await setTimeout(PAUSE_MS)
  }
}

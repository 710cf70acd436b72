import { parentPort, workerData } from 'node:worker_threads'
import type { CallId } from '../../domain/ids.ts'
import type { EpochMs } from '../../domain/instant.ts'
import { BatchApplier } from '../ledger/batch-applier.ts'
import { dropSlice } from '../ledger/dropped-calls.ts'
import { OlderRecount, type Recounted } from '../ledger/recount-older.ts'
import { applyStreamBatch, knownCalls, streamPosition } from '../ledger/stream.ts'
import { systemClock } from '../../engine/system-clock.ts'
import { applyOrSetAside } from '../ledger/set-aside.ts'
import type { Steps } from '../ledger/statement.ts'
import type { StreamBatch } from '../stream-applier.ts'
import { type Database, openForWriting } from './database.ts'
import { sqliteDialect } from './dialect.ts'
import { fromText } from '../ledger/record-text.ts'
import { isOfRecord } from './storage-error.ts'
import { replyOf } from './thread.ts'

/** What this thread is asked to do. */
export type Writing =
  | { readonly kind: 'position' }
  /** The records as texts, one a line: cheaper to hand over than the objects, and what they share is shared here too. */
  | ({ readonly kind: 'apply'; readonly records: string } & Omit<StreamBatch, 'records'>)
  | { readonly kind: 'known'; readonly calls: readonly CallId[] }
  | { readonly kind: 'drop'; readonly before: EpochMs }
  /** The next slice of calls of an older version. */
  | { readonly kind: 'recount' }

/** Writes to the ledger's tables when it is asked to; other threads and processes may do so too. */
class LedgerWriting {
  readonly #dataDir: string
  readonly #batches = new BatchApplier(sqliteDialect)
  readonly #older = new OlderRecount(sqliteDialect)
  #open: Database | undefined

  constructor(dataDir: string) {
    this.#dataDir = dataDir
  }

  do(writing: Writing): unknown {
    const db = (this.#open ??= openForWriting(this.#dataDir, 'FULL'))
    switch (writing.kind) {
      case 'position':
        return db.steps(streamPosition())
      case 'apply':
        return this.#apply(db, writing)
      case 'known':
        return db.transaction('DEFERRED', () => db.steps(knownCalls(writing.calls)))
      case 'drop':
        return db.transaction('IMMEDIATE', () => db.steps(dropSlice(writing.before)))
      case 'recount':
        return this.#recount(db)
    }
  }

  close(): void {
    this.#open?.close()
  }

  #recount(db: Database): Recounted {
    try {
      return db.transaction('IMMEDIATE', () => db.steps(this.#older.slice()))
    } catch (error) {
      this.#older.forget()
      throw error
    }
  }

  #apply(db: Database, { records: text, ...places }: Extract<Writing, { kind: 'apply' }>): number | undefined {
    const batch = { records: fromText(text), ...places }
    const at = systemClock.now()
    const applied = (apply: (records: StreamBatch['records']) => Steps<number>) =>
      db.transaction('IMMEDIATE', () => db.steps(applyStreamBatch(batch, { apply, at })))
    try {
      return applied((records) => this.#batches.apply(records))
    } catch (error) {
      this.#batches.forget()
      if (!isOfRecord(error)) throw error
    }
    return applied((records) => applyOrSetAside(records, { applier: this.#batches, at, isOfRecord }))
  }
}

function run(port: NonNullable<typeof parentPort>, dataDir: string): void {
  const ledger = new LedgerWriting(dataDir)
  port.on('message', (asked: { readonly id: number; readonly request: Writing } | 'stop') => {
    if (asked !== 'stop') {
      port.postMessage(replyOf(asked.id, `can't write to the ledger in ${dataDir} (${asked.request.kind})`, () => ledger.do(asked.request)))
      return
    }
    ledger.close()
    port.close()
  })
}

if (parentPort !== null && typeof workerData === 'string') run(parentPort, workerData)

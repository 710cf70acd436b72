import type { CallId } from '../domain/ids.ts'
import type { LedgerRecord } from '../domain/record.ts'
import type { Ledger, Retention } from '../engine/ports.ts'

/** A place in the stream of records. Another epoch is another stream: the one before it was lost with its store. */
export interface StreamPosition {
  /** '' before the first stream. */
  readonly epoch: string
  /** The id of the last entry taken in, as `milliseconds-sequence`; `0-0` before the first. */
  readonly id: string
}

/** What can't be read as a record, and why. */
export interface Unread {
  readonly reason: string
  readonly text: string
}

/** Records in the order of the stream, from behind one place up to another. */
export interface StreamBatch {
  readonly records: readonly LedgerRecord[]
  /** Entries that could not be read as records: they are set aside. */
  readonly unread?: readonly Unread[]
  readonly from: StreamPosition
  readonly next: StreamPosition
}

/**
 * Derives a ledger's tables from the stream. The position stands in the ledger and moves in the transaction that applies a
 * batch: each record is applied exactly once, whichever process does it, and however often one is killed.
 */
export interface StreamApplier {
  readonly position: () => Promise<StreamPosition>
  /**
   * @returns how many alerts are new; undefined where the ledger is not at `from` (any more): then nothing was applied
   * @throws Failure store_unavailable where the ledger can't be written
   */
  readonly apply: (batch: StreamBatch) => Promise<number | undefined>
  /** Which of these calls the ledger has, in flight or ended. */
  readonly known: (calls: readonly CallId[]) => Promise<ReadonlyMap<CallId, 'held' | 'ended'>>
}

/** A ledger whose journal is a stream, and that several processes may have open. */
export interface StreamLedger {
  readonly applier: StreamApplier
  /** Its answers have what is applied. */
  readonly ledger: Ledger
  readonly retention: Retention
  /** Lets go of it, once, however often it is called. */
  readonly close: () => Promise<void>
}

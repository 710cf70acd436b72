import { Defect } from '../../domain/defect.ts'
import type { EpochMs } from '../../domain/instant.ts'
import type { LedgerRecord } from '../../domain/record.ts'
import type { SetAside, SetAsideRecords } from '../../engine/ports.ts'
import type { Unread } from '../stream-applier.ts'
import type { BatchApplier } from './batch-applier.ts'
import { storable } from './rollups.ts'
import { integer, text } from './row.ts'
import { bulk, insert, query, type Steps } from './statement.ts'

/*
 * A record that can't be applied must not stop those behind it: it is set aside in a table of its own, with why, for an operator
 * to see. What keeps the database from taking anything (a full disk, a lock, no connection) is no fault of a record: that is
 * tried again.
 */

export interface SettingAside {
  readonly applier: BatchApplier
  readonly at: EpochMs
  /** True where an error is the record's fault, and not that of the database or the way there. */
  readonly isOfRecord: (error: unknown) => boolean
}

const REASON_LENGTH_MAX = 500

const ADD = insert('set_aside', { at: 'integer', kind: 'text', reason: 'text', record: 'text' })

/**
 * Applies what can be applied, in its order, and sets the other records aside, within a transaction of the caller's.
 * @returns how many alerts are new
 * @throws what is no record's fault: then the transaction is to be rolled back
 */
export function* applyOrSetAside(records: readonly LedgerRecord[], setting: SettingAside): Steps<number> {
  const aside: (readonly [LedgerRecord, unknown])[] = []
  const alerts = yield* applyParts(records, setting, aside)
  yield* bulk(
    ADD,
    aside.map(([record, error]) => [setting.at, record.kind, reasonOf(error), JSON.stringify(record)]),
  )
  return alerts
}

/** By halves, so that one bad record of thousands costs a few tries. */
function* applyParts(records: readonly LedgerRecord[], setting: SettingAside, aside: (readonly [LedgerRecord, unknown])[]): Steps<number> {
  yield* query('SAVEPOINT part')
  try {
    const alerts = yield* setting.applier.apply(records)
    yield* query('RELEASE SAVEPOINT part')
    return alerts
  } catch (error) {
    setting.applier.forget()
    if (!setting.isOfRecord(error)) throw error
    yield* query('ROLLBACK TO SAVEPOINT part')
    yield* query('RELEASE SAVEPOINT part')
    const [first] = records
    if (first !== undefined && records.length === 1) aside.push([first, error])
    if (records.length <= 1) return 0
  }
  const half = Math.ceil(records.length / 2)
  const before = yield* applyParts(records.slice(0, half), setting, aside)
  return before + (yield* applyParts(records.slice(half), setting, aside))
}

/** Sets aside what could not be read. */
export function* setAsideUnread(unread: readonly Unread[], at: EpochMs): Steps<void> {
  yield* bulk(
    ADD,
    unread.map(({ reason, text }) => [at, 'unread', storable(reason).slice(0, REASON_LENGTH_MAX), storable(text)]),
  )
}

/** The newest first. */
export function* setAsideRecords({ limit }: { readonly limit: number }): Steps<SetAsideRecords> {
  const [counted] = yield* query('SELECT count(*) AS count FROM set_aside')
  const rows = yield* query('SELECT position, at, kind, reason, record FROM set_aside ORDER BY position DESC LIMIT ?', limit)
  const records = rows.map((row): SetAside => ({
    position: integer(row, 'position'),
    at: integer(row, 'at'),
    kind: text(row, 'kind'),
    reason: text(row, 'reason'),
    record: text(row, 'record'),
  }))
  return { count: counted === undefined ? 0 : integer(counted, 'count'), records }
}

/** True for what a faulty record makes this code throw, whatever the database. */
export function isThrownByRecord(error: unknown): boolean {
  return error instanceof Defect || error instanceof TypeError || error instanceof RangeError || error instanceof SyntaxError
}

/** The first line, without what no database keeps. */
function reasonOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error)
  return storable(message.split('\n')[0] ?? '').slice(0, REASON_LENGTH_MAX)
}

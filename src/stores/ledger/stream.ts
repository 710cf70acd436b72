import { assert } from '../../domain/defect.ts'
import type { EpochMs } from '../../domain/instant.ts'
import { type CallId, toCallId } from '../../domain/ids.ts'
import type { StreamBatch, StreamPosition } from '../stream-applier.ts'
import { text } from './row.ts'
import { setAsideUnread } from './set-aside.ts'
import { bulk, type Bulk, query, type Steps } from './statement.ts'

const HELD: Bulk = { sql: 'SELECT holds.call AS id FROM GIVEN JOIN holds ON holds.call = given.id', columns: { id: 'text' } }
const ENDED: Bulk = { sql: 'SELECT ended_calls.id AS id FROM GIVEN JOIN ended_calls ON ended_calls.id = given.id', columns: { id: 'text' } }

/** Up to where the ledger has taken in the stream. */
export function* streamPosition(): Steps<StreamPosition> {
  const [row] = yield* query('SELECT epoch, id FROM stream')
  assert(row !== undefined, 'a ledger has a position')
  return { epoch: text(row, 'epoch'), id: text(row, 'id') }
}

/**
 * Applies a batch, within a transaction of the caller's. Moving the position comes first: that locks it, so that of several
 * processes with the same batch one applies it, and the others find it moved.
 * @returns how many alerts are new; undefined where the ledger is not at `from`
 */
export function* applyStreamBatch(
  { records, unread = [], from, next }: StreamBatch,
  { apply, at }: { readonly apply: (records: StreamBatch['records']) => Steps<number>; readonly at: EpochMs },
): Steps<number | undefined> {
  const moved = yield* query(
    'UPDATE stream SET epoch = ?, id = ? WHERE epoch = ? AND id = ? RETURNING id',
    next.epoch,
    next.id,
    from.epoch,
    from.id,
  )
  if (moved.length === 0) return undefined
  yield* setAsideUnread(unread, at)
  return yield* apply(records)
}

/** Which of these calls the ledger has. */
export function* knownCalls(calls: readonly CallId[]): Steps<readonly (readonly [CallId, 'held' | 'ended'])[]> {
  const ids = calls.map((call) => [call])
  const held = yield* bulk(HELD, ids)
  const ended = yield* bulk(ENDED, ids)
  const call = (row: (typeof held)[number]) => toCallId(text(row, 'id'))
  return [...held.map((row) => [call(row), 'held'] as const), ...ended.map((row) => [call(row), 'ended'] as const)]
}

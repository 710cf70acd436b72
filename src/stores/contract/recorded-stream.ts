import type { CallId } from '../../domain/ids.ts'
import type { LedgerRecord } from '../../domain/record.ts'
import type { StreamApplier, StreamPosition } from '../stream-applier.ts'

/** A ledger of a stream that only keeps its records, for tests of what writes them. */
export interface RecordedStream {
  readonly applier: StreamApplier
  readonly records: readonly LedgerRecord[]
  /** The texts of what could not be read as records. */
  readonly unread: readonly string[]
}

export function recordStream(): RecordedStream {
  let position: StreamPosition = { epoch: '', id: '0-0' }
  const records: LedgerRecord[] = []
  const unread: string[] = []
  const calls = new Map<CallId, 'held' | 'ended'>()
  const keep = (record: LedgerRecord): void => {
    records.push(record)
    if (record.kind === 'ended') calls.set(record.settlement.call, 'ended')
    if (record.kind === 'held' && !calls.has(record.hold.call.id)) calls.set(record.hold.call.id, 'held')
  }
  return {
    records,
    unread,
    applier: {
      position: async () => position,
      apply: async (batch) => {
        if (batch.from.epoch !== position.epoch || batch.from.id !== position.id) return undefined
        position = batch.next
        batch.records.forEach(keep)
        for (const { text } of batch.unread ?? []) unread.push(text)
        return 0
      },
      known: async (wanted) => {
        const known = new Map<CallId, 'held' | 'ended'>()
        for (const call of wanted) {
          const state = calls.get(call)
          if (state !== undefined) known.set(call, state)
        }
        return known
      },
    },
  }
}

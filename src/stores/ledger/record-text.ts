import type { Settlement } from '../../domain/call.ts'
import type { LedgerRecord } from '../../domain/record.ts'
import { Failure } from '../../engine/failure.ts'
import { recordedUsage } from '../../domain/usage/token-counts.ts'
import { type CallKind, CallKinds, DIVIDER, toCallKinds } from './call-kind.ts'
import { type EndedRow, type HeldRow, isEndedRow, isHeldRow, packEnded, packHeld, unpackEnded, unpackHeld } from './packed-record.ts'

/**
 * Records as one text without line breaks: a JSON array with the record of each, packed where every call writes it, and behind
 * it, each after a tab, what calls have in common.
 */
export function toText(records: readonly LedgerRecord[]): string {
  const kinds = new CallKinds()
  const rows = records.map((record) => toRow(record, kinds))
  return JSON.stringify(rows) + kinds.text
}

function toRow(record: LedgerRecord, kinds: CallKinds): LedgerRecord | HeldRow | EndedRow {
  if (record.kind === 'held') return packHeld(record, kinds.numberOf(record.hold))
  return record.kind === 'ended' ? packEnded(record) : record
}

/** The record of a call that ended, alone and without alerts. */
export function endedText(settlement: Settlement): string {
  return JSON.stringify(packEnded({ kind: 'ended', settlement, alerts: [] }))
}

/**
 * The records of such a text, of {@link endedText}, or of the plain JSON of one.
 * @throws Failure store_unavailable where a newer Bursar wrote it
 */
export function fromText(text: string): readonly LedgerRecord[] {
  const [json = '', ...kindTexts] = text.split(DIVIDER)
  const rows: unknown = JSON.parse(json)
  const kinds = toCallKinds(kindTexts)
  if (kinds === undefined) throw newer()
  return Array.isArray(rows) && !isEndedRow(rows) ? rows.map((row) => fromRow(row, kinds)) : [fromRow(rows, kinds)]
}

function fromRow(row: unknown, kinds: readonly CallKind[]): LedgerRecord {
  if (isEndedRow(row)) return unpackEnded(row)
  const kind = isHeldRow(row) ? kinds[row[1]] : undefined
  if (isHeldRow(row) && kind !== undefined) return unpackHeld(row, kind)
  if (isRecord(row))
    return row.kind === 'ended' ? { ...row, settlement: { ...row.settlement, usage: recordedUsage(row.settlement.usage) } } : row
  throw newer()
}

function newer(): Failure {
  return new Failure('store_unavailable', 'the journal holds a record of a newer Bursar: start that version again')
}

const NAMES: Readonly<Record<LedgerRecord['kind'], true>> = {
  opened: true,
  held: true,
  renewed: true,
  deferred: true,
  raised: true,
  ended: true,
  alerted: true,
  cut: true,
  closed: true,
  revised: true,
  key: true,
  objects: true,
  distrust: true,
  delivery: true,
  audit: true,
}

/** The checksum says that it is a record of ours; the kind, that it is one that this version knows. */
function isRecord(value: unknown): value is LedgerRecord {
  return (
    typeof value === 'object' && value !== null && 'kind' in value && typeof value.kind === 'string' && Object.hasOwn(NAMES, value.kind)
  )
}

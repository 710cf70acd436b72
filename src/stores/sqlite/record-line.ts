import { crc32 } from 'node:zlib'
import type { LedgerRecord } from '../../domain/record.ts'
import { Failure } from '../../engine/failure.ts'
import { packEnded, packHeld, unpack } from '../ledger/packed-record.ts'

/**
 * One line of the journal: the CRC-32 of the record's text in eight hex digits, a space, the text, a newline. The text is the
 * record's JSON; those of every call are packed.
 */
export function toLine(record: LedgerRecord): string {
  const text = toText(record)
  return `${checksum(text)} ${text}\n`
}

/** A record as a text without line breaks. */
export function toText(record: LedgerRecord): string {
  if (record.kind === 'held') return packHeld(record)
  if (record.kind === 'ended') return packEnded(record)
  return JSON.stringify(record)
}

const HEAD_BYTES = 9

/**
 * The record of a line without its newline; undefined where its checksum is wrong.
 * @throws Failure store_unavailable where a newer Bursar wrote it
 */
export function fromLine(line: Buffer): LedgerRecord | undefined {
  const bytes = line.subarray(HEAD_BYTES)
  if (bytes.length === 0 || line.toString('latin1', 0, HEAD_BYTES) !== `${checksum(bytes)} `) return undefined
  return fromText(bytes.toString('utf8'))
}

/**
 * The record of such a text.
 * @throws Failure store_unavailable where a newer Bursar wrote it
 */
export function fromText(text: string): LedgerRecord {
  const record: unknown = text.startsWith('[') ? unpack(text) : JSON.parse(text)
  if (!isRecord(record)) throw new Failure('store_unavailable', 'the journal holds a record of a newer Bursar: start that version again')
  return record
}

/** Of all bytes, since V8 writes a number in hex by dividing floats. */
const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))

function checksum(text: string | Buffer): string {
  const sum = crc32(text)
  return `${HEX[sum >>> 24]}${HEX[(sum >>> 16) & 255]}${HEX[(sum >>> 8) & 255]}${HEX[sum & 255]}`
}

const KINDS: Readonly<Record<LedgerRecord['kind'], true>> = {
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
  delivery: true,
  audit: true,
}

/** The checksum says that it is a line of ours; the kind, that it is one that this version knows. */
function isRecord(value: unknown): value is LedgerRecord {
  return (
    typeof value === 'object' && value !== null && 'kind' in value && typeof value.kind === 'string' && Object.hasOwn(KINDS, value.kind)
  )
}

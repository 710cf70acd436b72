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

const SUM_DIGITS = 8
const SPACE = 0x20
const HEAD_BYTES = SUM_DIGITS + 1

/**
 * The record of a line without its newline; undefined where its checksum is wrong.
 * @throws Failure store_unavailable where a newer Bursar wrote it
 */
export function fromLine(line: Buffer): LedgerRecord | undefined {
  if (line.length <= HEAD_BYTES || line[SUM_DIGITS] !== SPACE || sumOf(line) !== crc32(line.subarray(HEAD_BYTES))) return undefined
  return fromText(line.toString('utf8', HEAD_BYTES))
}

/** The number that a line begins with; undefined where that is not one of eight lower-case hex digits. */
function sumOf(line: Buffer): number | undefined {
  let sum = 0
  for (let i = 0; i < SUM_DIGITS; i++) {
    const digit = DIGITS[line[i] ?? 0] ?? NO_DIGIT
    if (digit === NO_DIGIT) return undefined
    sum = sum * 16 + digit
  }
  return sum
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

const NO_DIGIT = 16
/** The value of each byte as a hex digit. */
const DIGITS = Uint8Array.from({ length: 256 }, (_, byte) => {
  const value = '0123456789abcdef'.indexOf(String.fromCharCode(byte))
  return value === -1 ? NO_DIGIT : value
})

function checksum(text: string): string {
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

import { crc32 } from 'node:zlib'
import type { LedgerRecord } from '../../domain/record.ts'
import { fromText, toText } from '../ledger/record-text.ts'

/**
 * One line of the journal: the CRC-32 of the records' text in eight hex digits, a space, the text, a newline.
 * @param records at least one
 */
export function toLine(records: readonly LedgerRecord[]): string {
  const text = toText(records)
  return `${checksum(text)} ${text}\n`
}

const SUM_DIGITS = 8
const SPACE = 0x20
const HEAD_BYTES = SUM_DIGITS + 1

/**
 * The records of a line without its newline; undefined where its checksum is wrong.
 * @throws Failure store_unavailable where a newer Bursar wrote it
 */
export function fromLine(line: Buffer): readonly LedgerRecord[] | undefined {
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

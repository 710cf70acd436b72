import { crc32 } from 'node:zlib'
import type { LedgerRecord } from '../../domain/record.ts'

const CRC_DIGITS = 8

/** One record as a line of the journal: the CRC-32 of its JSON in hex, a space, the JSON. */
export function toLine(record: LedgerRecord): string {
  const json = JSON.stringify(record)
  return `${crc32(json).toString(16).padStart(CRC_DIGITS, '0')} ${json}\n`
}

/** The record of a line without its line end; undefined where the line is not what was written. */
export function fromLine(line: string): LedgerRecord | undefined {
  const json = line.slice(CRC_DIGITS + 1)
  return line[CRC_DIGITS] === ' ' && Number.parseInt(line.slice(0, CRC_DIGITS), 16) === crc32(json) ? JSON.parse(json) : undefined
}

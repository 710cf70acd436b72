import { closeSync, existsSync, openSync, readSync } from 'node:fs'
import type { LedgerRecord } from '../../domain/record.ts'
import { Failure } from '../../engine/failure.ts'
import { fromLine } from './journal-line.ts'
import { type Position, segmentPath } from './segments.ts'

/** Records read from the journal, and the place behind the last of them. */
export interface Batch {
  readonly records: readonly LedgerRecord[]
  readonly end: Position
}

const READ_BYTES = 1 << 20
const reused = Buffer.allocUnsafe(READ_BYTES)

/**
 * Reads the whole lines that follow a position, about a megabyte of them; an unfinished last line is left for later.
 * @throws Failure store_unavailable where a line is not what was written: it names the file and the place
 */
export function readBatch(dir: string, from: Position): Batch {
  const bytes = readFrom(segmentPath(dir, from.segment), from.offset)
  const length = bytes.lastIndexOf(0x0a) + 1
  if (length === 0) {
    const hasNext = bytes.length === 0 && existsSync(segmentPath(dir, from.segment + 1))
    return { records: [], end: hasNext ? { segment: from.segment + 1, offset: 0 } : from }
  }
  const lines = bytes
    .subarray(0, length - 1)
    .toString()
    .split('\n')
  let offset = from.offset
  const records = lines.map((line) => {
    const record = fromLine(line)
    if (record === undefined) throw corrupt(segmentPath(dir, from.segment), offset)
    offset += Buffer.byteLength(line) + 1
    return record
  })
  return { records, end: { segment: from.segment, offset: from.offset + length } }
}

function readFrom(path: string, offset: number): Buffer {
  if (!existsSync(path)) return Buffer.alloc(0)
  const fd = openSync(path, 'r')
  try {
    for (let size = READ_BYTES; ; size *= 4) {
      const buffer = size === READ_BYTES ? reused : Buffer.allocUnsafe(size)
      const bytes = buffer.subarray(0, readSync(fd, buffer, 0, size, offset))
      // A line longer than what was read: once more, with room for it.
      if (bytes.length < size || bytes.includes(0x0a)) return bytes
    }
  } finally {
    closeSync(fd)
  }
}

function corrupt(path: string, offset: number): Failure {
  return new Failure(
    'store_unavailable',
    `the journal ${path} is damaged at byte ${offset}: a line there is not what was written. Nothing was applied from there on. Restore data_dir from a backup; to go on without what follows, move the file away`,
  )
}

import { closeSync, existsSync, fstatSync, openSync, readSync, statSync } from 'node:fs'
import type { LedgerRecord } from '../../domain/record.ts'
import { Failure } from '../../engine/failure.ts'
import { fromLine } from './record-line.ts'
import { compare, type Position, segmentPath } from './segment.ts'

/** Records in the order in which they were written, and the place behind the last of them. */
export interface Batch {
  readonly records: readonly LedgerRecord[]
  readonly next: Position
}

/** A line that does not read as records. */
export class BadLine extends Error {
  override readonly name = 'BadLine'
  readonly at: Position

  constructor(at: Position) {
    super(`a bad line at byte ${at.offset} of segment ${at.segment}`)
    this.at = at
  }
}

const CHUNK_BYTES = 1 << 20
const NEWLINE = 0x0a

/** Reads the journal's files one after the other; keeps the one that it is in open. */
export class JournalReader {
  readonly #dataDir: string
  /** Used again for each batch: records hold no bytes of it, and fresh memory would have to be cleared by the system first. */
  readonly #scratch = Buffer.allocUnsafeSlow(CHUNK_BYTES)
  #segment = 0
  #fd: number | undefined

  constructor(dataDir: string) {
    this.#dataDir = dataDir
  }

  /**
   * Whole lines from `from` on until they have `recordsMax` records, not beyond `end`; none only where `from` is `end`. A batch ends with its file.
   * @throws BadLine where a line is damaged and no good one stands before it
   */
  read(from: Position, end: Position, recordsMax: number): Batch {
    if (compare(from, end) >= 0) return { records: [], next: from }
    const fd = this.#open(from.segment)
    const endOffset = from.segment === end.segment ? end.offset : fstatSync(fd).size
    if (from.offset >= endOffset) return this.read({ segment: from.segment + 1, offset: 0 }, end, recordsMax)
    let chunk = readChunk(fd, from.offset, this.#scratch.subarray(0, endOffset - from.offset))
    while (!chunk.includes(NEWLINE)) {
      const bytes = Math.min(chunk.length * 2, endOffset - from.offset)
      if (bytes === chunk.length) throw new BadLine(from)
      chunk = readChunk(fd, from.offset, Buffer.allocUnsafe(bytes))
    }
    return recordsOf(chunk, from, recordsMax)
  }

  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd)
    this.#fd = undefined
  }

  #open(segment: number): number {
    if (this.#fd !== undefined && this.#segment === segment) return this.#fd
    this.close()
    this.#segment = segment
    this.#fd = openSync(segmentPath(this.#dataDir, segment), 'r')
    return this.#fd
  }
}

function recordsOf(chunk: Buffer, from: Position, recordsMax: number): Batch {
  const records: LedgerRecord[] = []
  let read = 0
  while (records.length < recordsMax) {
    const newline = chunk.indexOf(NEWLINE, read)
    if (newline === -1) break
    const ofLine = fromLine(chunk.subarray(read, newline))
    if (ofLine === undefined) {
      if (records.length > 0) break
      throw new BadLine(from)
    }
    for (const record of ofLine) records.push(record)
    read = newline + 1
  }
  return { records, next: { segment: from.segment, offset: from.offset + read } }
}

/** What the file has from `offset` on, as much as `chunk` takes. */
function readChunk(fd: number, offset: number, chunk: Buffer): Buffer {
  let read = 0
  while (read < chunk.length) {
    const got = readSync(fd, chunk, read, chunk.length - read, offset + read)
    if (got === 0) break
    read += got
  }
  return chunk.subarray(0, read)
}

/** The size of a segment's file; 0 where there is none. */
export function segmentBytes(dataDir: string, segment: number): number {
  const path = segmentPath(dataDir, segment)
  return existsSync(path) ? statSync(path).size : 0
}

/** True where a line behind the one at `bad` reads as records: then the journal was damaged, and not just cut off while it was written. */
export function isFollowedByRecords(dataDir: string, bad: Position): boolean {
  const fd = openSync(segmentPath(dataDir, bad.segment), 'r')
  try {
    const rest = readChunk(fd, bad.offset, Buffer.allocUnsafe(fstatSync(fd).size - bad.offset))
    for (let newline = rest.indexOf(NEWLINE); newline !== -1;) {
      const next = rest.indexOf(NEWLINE, newline + 1)
      if (next !== -1 && fromLine(rest.subarray(newline + 1, next)) !== undefined) return true
      newline = next
    }
    return false
  } finally {
    closeSync(fd)
  }
}

/** What an operator is told of a line that is damaged in the middle of the journal. */
export function damaged(dataDir: string, { at }: BadLine): Failure {
  const path = segmentPath(dataDir, at.segment)
  return new Failure(
    'store_unavailable',
    `the journal is damaged: ${path} has no readable line at byte ${at.offset}, though others follow. Restore data_dir from a backup; ` +
      `or, to go on without what was written in that moment, keep a copy of the file, remove the line that begins at that byte, and start again`,
  )
}

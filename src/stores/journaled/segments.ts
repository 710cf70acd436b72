import { closeSync, fstatSync, ftruncateSync, openSync, readdirSync, readSync } from 'node:fs'
import { join } from 'node:path'
import { fromLine } from './journal-line.ts'

/** A place in the journal: all bytes before it. */
export interface Position {
  readonly segment: number
  readonly offset: number
}

const DIGITS = 10

export function segmentPath(dir: string, segment: number): string {
  return join(dir, `${String(segment).padStart(DIGITS, '0')}.jsonl`)
}

/** The numbers of the journal's segments, ascending. */
export function listSegments(dir: string): readonly number[] {
  return readdirSync(dir)
    .filter((name) => /^\d{10}\.jsonl$/.test(name))
    .map((name) => Number.parseInt(name, 10))
    .sort((a, b) => a - b)
}

const TAIL_BYTES = 1 << 20

/** Cuts off what a crash left of a last, unfinished line; returns the segment's length. */
export function repairTail(path: string): number {
  const fd = openSync(path, 'a+')
  try {
    const { size } = fstatSync(fd)
    const good = endOfLastGoodLine(fd, size)
    if (good < size) ftruncateSync(fd, good)
    return good
  } finally {
    closeSync(fd)
  }
}

function endOfLastGoodLine(fd: number, size: number): number {
  for (let length = Math.min(size, TAIL_BYTES); length > 0; length = Math.min(size, length * 2)) {
    const tail = Buffer.alloc(length)
    readSync(fd, tail, 0, length, size - length)
    const end = tail.lastIndexOf(0x0a)
    const start = end < 0 ? -1 : tail.lastIndexOf(0x0a, end - 1)
    if (start >= 0 || length === size) {
      const lastLine = tail.subarray(start + 1, Math.max(start + 1, end)).toString()
      return size - length + (end >= 0 && fromLine(lastLine) !== undefined ? end + 1 : start + 1)
    }
  }
  return 0
}

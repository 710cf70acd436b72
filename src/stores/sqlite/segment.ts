import { readdirSync } from 'node:fs'
import { join } from 'node:path'

/** A place in the journal: which of its files, and how many bytes into it. */
export interface Position {
  /** From 1 on, without gaps. */
  readonly segment: number
  readonly offset: number
}

/** Below 0 where `a` comes before `b`, 0 where they are the same place. */
export function compare(a: Position, b: Position): number {
  return a.segment === b.segment ? a.offset - b.offset : a.segment - b.segment
}

/** The directory of the journal's files. */
export function journalDir(dataDir: string): string {
  return join(dataDir, 'journal')
}

/** `DATA_DIR/journal/0000000001.jsonl` */
export function segmentPath(dataDir: string, segment: number): string {
  return join(journalDir(dataDir), `${String(segment).padStart(10, '0')}.jsonl`)
}

/** The numbers of the journal's files that exist, ascending. */
export function segmentNumbers(dataDir: string): readonly number[] {
  const numbers: number[] = []
  for (const name of readdirSync(journalDir(dataDir))) {
    const match = /^(\d{10})\.jsonl$/.exec(name)
    if (match !== null) numbers.push(Number(match[1]))
  }
  return numbers.sort((a, b) => a - b)
}

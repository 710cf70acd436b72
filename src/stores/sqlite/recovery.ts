import { closeSync, ftruncateSync, openSync, unlinkSync } from 'node:fs'
import { Failure } from '../../engine/failure.ts'
import type { Applier } from './applier.ts'
import type { Database } from './database.ts'
import { BadLine, damaged, isFollowedByRecords, type JournalReader, segmentBytes } from './journal-reader.ts'
import { compare, journalDir, type Position, segmentNumbers, segmentPath } from './segment.ts'

/** Records of one transaction: few enough that whoever waits for an answer gets in between. */
export const BATCH_RECORDS = 2000

export interface Recovery {
  /** Where the journal goes on: at the beginning of a file of its own. */
  readonly start: Position
  /** What an operator should know of; undefined: nothing. */
  readonly notice?: string
}

/**
 * Applies what the journal holds beyond the ledger, so that a start after a crash is nothing but catching up. A last line that
 * was cut off while it was written was never acknowledged: it is dropped.
 * @throws Failure store_unavailable where the journal has a gap or is damaged in the middle
 */
export function recover(
  dataDir: string,
  parts: { readonly db: Database; readonly applier: Applier; readonly journal: JournalReader },
): Recovery {
  const { db, applier, journal } = parts
  const from = applier.position()
  const segments = segmentNumbers(dataDir)
  const last = Math.max(from.segment, ...segments)
  checkForGap(dataDir, from, segments)
  const isAhead = last === from.segment && segmentBytes(dataDir, last) < from.offset
  if (!isAhead) applyTo(dataDir, last, { applier, journal })
  const isUsed = segmentBytes(dataDir, last) > 0 || isAhead
  const start = { segment: isUsed ? last + 1 : last, offset: 0 }
  if (compare(applier.position(), start) !== 0) applier.moveTo(start)
  journal.close()
  if (db.checkpoint('TRUNCATE')) dropSegmentsBefore(dataDir, start.segment)
  return isAhead ? { start, notice: aheadNotice(dataDir, from) } : { start }
}

/** Deletes journal files that hold nothing but what the synced ledger has. */
export function dropSegmentsBefore(dataDir: string, segment: number): void {
  for (const number of segmentNumbers(dataDir)) if (number < segment) unlinkSync(segmentPath(dataDir, number))
}

function applyTo(
  dataDir: string,
  last: number,
  { applier, journal }: { readonly applier: Applier; readonly journal: JournalReader },
): void {
  const end = { segment: last, offset: segmentBytes(dataDir, last) }
  let position = applier.position()
  while (compare(position, end) < 0) {
    try {
      const batch = journal.read(position, end, BATCH_RECORDS)
      applier.apply(batch)
      position = batch.next
    } catch (error) {
      if (!(error instanceof BadLine)) throw error
      cutTornTail(dataDir, error, last)
      return
    }
  }
}

function cutTornTail(dataDir: string, bad: BadLine, last: number): void {
  if (bad.at.segment !== last || isFollowedByRecords(dataDir, bad.at)) throw damaged(dataDir, bad)
  const fd = openSync(segmentPath(dataDir, last), 'r+')
  ftruncateSync(fd, bad.at.offset)
  closeSync(fd)
}

function checkForGap(dataDir: string, from: Position, segments: readonly number[]): void {
  const newer = segments.filter((number) => number > from.segment)
  for (const [i, number] of newer.entries()) {
    const wanted = from.segment + 1 + i
    if (number !== wanted) throw gap(dataDir, wanted)
  }
  if (newer.length > 0 && segmentBytes(dataDir, from.segment) < from.offset) throw gap(dataDir, from.segment)
  if (newer.length > 0 && !segments.includes(from.segment)) throw gap(dataDir, from.segment)
}

function gap(dataDir: string, segment: number): Failure {
  return new Failure(
    'store_unavailable',
    `the journal has a gap: ${segmentPath(dataDir, segment)} is missing or too short, though later files exist. ` +
      `ledger.db and ${journalDir(dataDir)} belong together: restore both from one backup`,
  )
}

function aheadNotice(dataDir: string, { segment, offset }: Position): string {
  return (
    `${segmentPath(dataDir, segment)} is shorter than the ${offset} bytes of it that the ledger has: ` +
    `it was removed, or a power cut took its end (durability: process). Going on from the ledger, which has them`
  )
}

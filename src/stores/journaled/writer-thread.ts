import { unlinkSync } from 'node:fs'
import { join } from 'node:path'
import { parentPort, workerData } from 'node:worker_threads'
import { z } from 'zod'
import { assert } from '../../domain/defect.ts'
import { Applier } from './applier.ts'
import { explain, openDatabase } from './database.ts'
import { migrate } from './schema.ts'
import { listSegments, type Position, segmentPath } from './segments.ts'
import { readBatch } from './tail.ts'

/*
 * The only writer of the database: reads the journal behind the main thread's back and applies it. Starting after a crash is
 * nothing else: it goes on where the database says it was.
 */

const PAUSE_MS = 200
const RETRY_MS = 500

const request = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('grown') }),
  z.object({ kind: z.literal('catch-up'), id: z.number(), to: z.object({ segment: z.number(), offset: z.number() }) }),
  z.object({ kind: z.literal('stop') }),
])

const { dataDir } = z.object({ dataDir: z.string() }).parse(workerData)
assert(parentPort !== null, 'this runs in a worker thread')
const port = parentPort
const journalDir = join(dataDir, 'journal')
const path = join(dataDir, 'ledger.db')

const db = openDatabase(path, 'write')
migrate(db)
const applier = new Applier(db)
let position = applier.position()
let waiting: { readonly id: number; readonly to: Position }[] = []
let timer: NodeJS.Timeout | undefined
let hasTrouble = false

port.on('message', (message: unknown) => {
  const asked = request.parse(message)
  if (asked.kind === 'stop') return stop()
  if (asked.kind === 'catch-up') {
    waiting.push(asked)
    applyAll()
  } else timer ??= setTimeout(applyAll, PAUSE_MS)
})
port.postMessage({ kind: 'ready' })

function applyAll(): void {
  clearTimeout(timer)
  timer = undefined
  try {
    while (applyNext());
    if (hasTrouble) port.postMessage({ kind: 'trouble', message: 'the ledger can be written again' })
    hasTrouble = false
  } catch (error) {
    const { message } = explain(path, error)
    if (!hasTrouble) port.postMessage({ kind: 'trouble', message })
    hasTrouble = true
    for (const { id } of waiting) port.postMessage({ kind: 'failed', id, message })
    waiting = []
    timer = setTimeout(applyAll, RETRY_MS)
  }
}

/** @returns false where nothing was left to apply */
function applyNext(): boolean {
  const batch = readBatch(journalDir, position)
  if (batch.end.segment === position.segment && batch.end.offset === position.offset) {
    answerWaiting()
    return false
  }
  const newAlerts = applier.apply(batch.records, batch.end)
  const isNextSegment = batch.end.segment > position.segment
  position = batch.end
  if (newAlerts > 0) port.postMessage({ kind: 'alerts' })
  if (isNextSegment) dropAppliedSegments()
  answerWaiting()
  return true
}

function answerWaiting(): void {
  const isThere = (to: Position) => position.segment > to.segment || (position.segment === to.segment && position.offset >= to.offset)
  for (const { id } of waiting.filter(({ to }) => isThere(to))) port.postMessage({ kind: 'caught-up', id })
  waiting = waiting.filter(({ to }) => !isThere(to))
}

/** A segment may go once what it says is on the disk in the database's own file. */
function dropAppliedSegments(): void {
  db.exec('PRAGMA synchronous = FULL')
  const checkpoint = db.prepare('PRAGMA wal_checkpoint(TRUNCATE)').get()
  db.exec('PRAGMA synchronous = NORMAL')
  if (checkpoint?.['busy'] !== 0) return
  for (const segment of listSegments(journalDir)) if (segment < position.segment) unlinkSync(segmentPath(journalDir, segment))
}

function stop(): void {
  clearTimeout(timer)
  applyAll()
  clearTimeout(timer)
  db.close()
  port.postMessage({ kind: 'stopped' })
  port.close()
}

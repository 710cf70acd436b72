import { closeSync, fdatasync, ftruncateSync, openSync, writeSync } from 'node:fs'
import type { LedgerRecord } from '../../domain/record.ts'
import { Failure } from '../../engine/failure.ts'
import type { Journal } from '../../engine/ports.ts'
import { toLine } from './journal-line.ts'
import { listSegments, type Position, repairTail, segmentPath } from './segments.ts'

export interface FileJournal extends Journal {
  /** The journal's end: everything before it is written. */
  readonly end: () => Position
  /** Writes what waits, and closes the file. */
  readonly close: () => Promise<void>
}

export interface FileJournalOptions {
  readonly dir: string
  /** `disk`: a record is durable after fdatasync, which runs in the thread pool, one for all that waits. */
  readonly durability: 'process' | 'disk'
  /** The journal has grown. */
  readonly onGrowth: () => void
  readonly onTrouble: (message: string) => void
  readonly segmentBytesMax?: number
}

const SEGMENT_BYTES_MAX = 64 * 1024 * 1024
const RETRY_MS = 250

/** What was appended in one turn of the event loop; written together, and heard of together. */
interface Turn {
  /** Lines that must be written, now or later. */
  readonly kept: string[]
  /** Lines that are not written at all where this write fails, each with its place among the kept ones. */
  readonly droppable: { readonly line: string; readonly after: number }[]
  readonly heard: PromiseWithResolvers<void>
  readonly written: PromiseWithResolvers<void>
}

/**
 * The append-only truth: one write(2) for all records of a turn of the event loop. A write that fails leaves the file as it was.
 * @throws Error where the directory can't be written
 */
export function openJournal(options: FileJournalOptions): FileJournal {
  return new SegmentedJournal(options)
}

class SegmentedJournal implements FileJournal {
  readonly #options: FileJournalOptions
  #segment: number
  #offset: number
  #fd: number
  #turn: Turn | undefined
  #retry: NodeJS.Timeout | undefined
  #trouble: string | undefined
  #isBroken = false
  #unsynced: Turn[] = []
  #syncing: Promise<void> | undefined

  constructor(options: FileJournalOptions) {
    this.#options = options
    this.#segment = listSegments(options.dir).at(-1) ?? 1
    this.#offset = repairTail(segmentPath(options.dir, this.#segment))
    this.#fd = openSync(segmentPath(options.dir, this.#segment), 'a')
  }

  end(): Position {
    return { segment: this.#segment, offset: this.#offset }
  }

  trouble(): string | undefined {
    return this.#trouble
  }

  append(records: readonly LedgerRecord[]): Promise<void> {
    const turn = this.#currentTurn()
    for (const record of records) turn.kept.push(toLine(record))
    return turn.heard.promise
  }

  appendOrFail(record: LedgerRecord): Promise<void> {
    if (this.#trouble !== undefined) return Promise.reject(new Failure('store_unavailable', this.#trouble))
    const turn = this.#currentTurn()
    turn.droppable.push({ line: toLine(record), after: turn.kept.length })
    return turn.written.promise
  }

  async close(): Promise<void> {
    while (this.#turn !== undefined && this.#trouble === undefined) await this.#turn.heard.promise
    await this.#syncing
    clearTimeout(this.#retry)
    closeSync(this.#fd)
  }

  #currentTurn(): Turn {
    if (this.#turn !== undefined) return this.#turn
    const turn = newTurn()
    this.#turn = turn
    setImmediate(() => this.#flush())
    return turn
  }

  #flush(): void {
    const turn = this.#turn
    if (turn === undefined) return
    this.#turn = undefined
    try {
      this.#write(linesOf(turn))
    } catch (error) {
      this.#failed(turn, error)
      return
    }
    this.#recovered()
    this.#options.onGrowth()
    if (this.#options.durability === 'process') acknowledge(turn)
    else this.#sync(turn)
  }

  #write(text: string): void {
    if (this.#isBroken) throw new Error('an earlier fsync failed')
    if (text === '') return
    if (this.#offset >= (this.#options.segmentBytesMax ?? SEGMENT_BYTES_MAX)) this.#rotate()
    const bytes = Buffer.from(text)
    try {
      for (let written = 0; written < bytes.length;) written += writeSync(this.#fd, bytes, written)
    } catch (error) {
      ftruncateSync(this.#fd, this.#offset)
      throw error
    }
    this.#offset += bytes.length
  }

  #rotate(): void {
    const fd = openSync(segmentPath(this.#options.dir, this.#segment + 1), 'a')
    closeSync(this.#fd)
    this.#fd = fd
    this.#segment++
    this.#offset = 0
  }

  /** Kept lines go first into the next turn, in their order; the others are refused. */
  #failed(turn: Turn, error: unknown): void {
    const reason = error instanceof Error ? error.message : String(error)
    const path = segmentPath(this.#options.dir, this.#segment)
    const message = `the journal ${path} can't be written (${reason}): free space or make it writable; until then no call under a hard cap is let in`
    if (this.#trouble === undefined) this.#options.onTrouble(message)
    this.#trouble = message
    turn.written.reject(new Failure('store_unavailable', message, error))
    turn.heard.resolve()
    this.#turn = { ...newTurn(), kept: turn.kept }
    this.#turn.heard.resolve()
    this.#retry ??= setTimeout(() => {
      this.#retry = undefined
      this.#flush()
    }, RETRY_MS).unref()
  }

  #recovered(): void {
    if (this.#trouble === undefined || this.#isBroken) return
    this.#trouble = undefined
    this.#options.onTrouble('the journal can be written again')
  }

  #sync(turn: Turn): void {
    this.#unsynced.push(turn)
    this.#syncing ??= this.#syncAll()
  }

  async #syncAll(): Promise<void> {
    while (this.#unsynced.length > 0) {
      const turns = this.#unsynced
      this.#unsynced = []
      const error = await new Promise<Error | null>((resolve) => fdatasync(this.#fd, resolve))
      for (const turn of turns) {
        if (error === null) acknowledge(turn)
        else this.#syncFailed(turn, error)
      }
    }
    this.#syncing = undefined
  }

  /** After a failed fsync the kernel may have dropped the pages: nothing that follows could be trusted. */
  #syncFailed(turn: Turn, error: Error): void {
    this.#isBroken = true
    this.#trouble = `fsync of the journal failed (${error.message}): check the disk and restart Bursar`
    this.#options.onTrouble(this.#trouble)
    turn.written.reject(new Failure('store_unavailable', this.#trouble, error))
    turn.heard.resolve()
  }
}

function newTurn(): Turn {
  const turn: Turn = { kept: [], droppable: [], heard: Promise.withResolvers(), written: Promise.withResolvers() }
  // Nobody may be waiting for it: then its failure is no unhandled rejection.
  turn.written.promise.catch(() => undefined)
  return turn
}

function linesOf(turn: Turn): string {
  if (turn.droppable.length === 0) return turn.kept.join('')
  const lines: string[] = []
  let next = 0
  for (let i = 0; i <= turn.kept.length; i++) {
    while (turn.droppable[next]?.after === i) lines.push(turn.droppable[next++]?.line ?? '')
    lines.push(turn.kept[i] ?? '')
  }
  return lines.join('')
}

function acknowledge(turn: Turn): void {
  turn.heard.resolve()
  turn.written.resolve()
}

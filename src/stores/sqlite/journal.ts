import { closeSync, constants, fsyncSync, openSync } from 'node:fs'
import type { LedgerRecord } from '../../domain/record.ts'
import { Failure } from '../../engine/failure.ts'
import type { Clock, Journal } from '../../engine/ports.ts'
import { type Disk, systemDisk } from './disk.ts'
import { toLine } from './record-line.ts'
import { journalDir, type Position, segmentPath } from './segment.ts'
import { explain } from './storage-error.ts'

export interface JournalOptions {
  readonly dataDir: string
  /** `process`: written when it resolves, which survives `kill -9`; `disk`: synced, which survives a power cut. */
  readonly durability: 'process' | 'disk'
  /** Where to go on; what stands behind it in that file is cut off. */
  readonly start: Position
  readonly clock: Clock
  /** Called with the new end whenever records became durable. */
  readonly onGrown: (end: Position) => void
  readonly onTrouble: (message: string) => void
  readonly disk?: Disk
  /** A file is followed by the next one once it has this size; 64 MiB unless told. */
  readonly segmentBytesMax?: number
}

/** The journal as the rest of the store sees it. */
export interface FileJournal extends Journal {
  /** Writes what waits, now. @returns once it is durable, or can't be */
  readonly flush: () => Promise<void>
  /** Behind the last durable record. */
  readonly end: () => Position
  /** True where records wait in memory for the disk to take them. */
  readonly hasBacklog: () => boolean
  /** @throws Failure store_unavailable where records can't be written even now */
  readonly close: () => Promise<void>
}

const SEGMENT_BYTES = 64 * 1024 * 1024
const BACKLOG_WRITE_LENGTH = 4 * 1024 * 1024
/** No line, so that it would be cut off if the process died right behind it. */
const PROBE = Buffer.alloc(4096, ' ')
const RETRY_MS = 250
/** What is damaged together. */
const LINE_RECORDS_MAX = 100

/**
 * An append-only file: what was appended in one turn of the event loop is one write(2), and its records become durable together.
 *
 * A record that must not outlive a failure is written in its turn or never. The others move to the backlog where the disk does
 * not take them: the next turn, or the retry, writes the backlog first, so that no record overtakes another.
 * @throws Failure store_unavailable where the file can't be opened
 */
export function openJournal(options: JournalOptions): FileJournal {
  return new JournalWriter(options)
}

interface Appended {
  readonly record: LedgerRecord
  /** True where the appender wants to hear of a failure: then the record is given up. */
  readonly mayFail: boolean
}

/** What was appended in one turn of the event loop. */
class Turn {
  readonly appended: Appended[] = []
  readonly over: Promise<void>
  readonly end: () => void
  failure: Failure | undefined
  #written: Promise<void> | undefined

  constructor() {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.over = promise
    this.end = resolve
  }

  /** Rejects where the turn failed. */
  get written(): Promise<void> {
    this.#written ??= this.#overOrFail()
    return this.#written
  }

  async #overOrFail(): Promise<void> {
    await this.over
    if (this.failure !== undefined) throw this.failure
  }
}

class JournalWriter implements FileJournal {
  readonly #options: JournalOptions
  readonly #disk: Disk
  readonly #segmentBytesMax: number
  #fd: number
  #segment: number
  /** Good bytes of the file; the next write goes here. */
  #length: number
  #durable: Position
  #isNewFile = true
  #hasTornTail = false
  /** True where the file holds what was not synced though it must be; only with durability `disk`. */
  #isDirty = false
  #syncedLength: number
  /** What of the backlog was written since the last sync. */
  #unsynced: string[] = []
  #turn: Turn | undefined
  #backlog: string[] = []
  #isSyncing = false
  #closed: Failure | undefined
  /** Set once and for good when a sync failed: what the disk holds is unknown from then on. */
  #syncFailure: Failure | undefined
  #trouble: Failure | undefined
  #told: string | undefined
  #cancelRetry: (() => void) | undefined

  constructor(options: JournalOptions) {
    this.#options = options
    this.#disk = options.disk ?? systemDisk
    this.#segmentBytesMax = options.segmentBytesMax ?? SEGMENT_BYTES
    this.#segment = options.start.segment
    this.#length = options.start.offset
    this.#syncedLength = options.start.offset
    this.#durable = options.start
    this.#fd = this.#openFile(this.#segment, this.#length)
    if (options.durability === 'disk') this.#syncDirectoryNow()
  }

  appendOrFail(record: LedgerRecord): Promise<void> {
    const closed = this.#syncFailure ?? this.#closed
    if (closed !== undefined) return Promise.reject(closed)
    const turn = this.#openTurn()
    turn.appended.push({ record, mayFail: true })
    return turn.written
  }

  append(records: readonly LedgerRecord[]): Promise<void> {
    if (this.#closed !== undefined) return Promise.resolve()
    const turn = this.#openTurn()
    for (const record of records) turn.appended.push({ record, mayFail: false })
    return turn.over
  }

  trouble(): string | undefined {
    return (this.#trouble ?? this.#closed)?.message
  }

  flush(): Promise<void> {
    const isIdle = this.#turn === undefined && this.#backlog.length === 0 && !this.#isSyncing
    return isIdle || this.#closed !== undefined ? Promise.resolve() : this.#openTurn().over
  }

  end(): Position {
    return this.#durable
  }

  hasBacklog(): boolean {
    return this.#backlog.length > 0
  }

  async close(): Promise<void> {
    do await this.flush()
    while (this.#turn !== undefined)
    this.#cancelRetry?.()
    this.#closed = new Failure('store_unavailable', 'the ledger is closed: Bursar is shutting down')
    closeSync(this.#fd)
    if (this.#backlog.length > 0) {
      throw new Failure('store_unavailable', `${this.#backlog.length} records could not be written and are lost: ${this.#trouble?.message}`)
    }
  }

  #openTurn(): Turn {
    if (this.#turn !== undefined) return this.#turn
    this.#turn = new Turn()
    setImmediate(() => this.#endTurn())
    return this.#turn
  }

  #endTurn(): void {
    const turn = this.#turn
    // Whoever comes during a sync is written when it ends: then one sync serves all of them.
    if (turn === undefined || this.#isSyncing) return
    this.#turn = undefined
    if (this.#syncFailure !== undefined && turn.appended.some(({ mayFail }) => mayFail)) {
      this.#giveUp(turn, this.#syncFailure)
      return
    }
    try {
      if (this.#trouble !== this.#syncFailure) this.#probe()
      this.#writeBacklog()
      this.#writeTurn(turn)
    } catch (error) {
      this.#giveUp(turn, explain(error, `can't write ${this.#path()}`))
      return
    }
    if (this.#isDirty) void this.#sync(turn)
    else this.#settle(turn)
  }

  #settle(turn: Turn): void {
    this.#trouble = this.#syncFailure
    this.#told = this.#syncFailure?.message
    this.#durable = { segment: this.#segment, offset: this.#length }
    turn.end()
    this.#options.onGrown(this.#durable)
  }

  /** The records that may fail are given up; the others join the backlog. */
  #giveUp(turn: Turn, failure: Failure): void {
    try {
      this.#cutTornTail()
    } catch {
      // It is cut before the next write, which fails with the reason where it still can't be.
    }
    for (const { record, mayFail } of turn.appended) if (!mayFail) this.#backlog.push(toLine([record]))
    turn.failure = failure
    this.#trouble = this.#syncFailure ?? failure
    this.#tell(failure.message)
    turn.end()
    this.#retryLater()
  }

  #tell(message: string): void {
    if (message !== this.#told) this.#options.onTrouble(message)
    this.#told = message
  }

  #retryLater(): void {
    if (this.#cancelRetry !== undefined || this.#closed !== undefined) return
    this.#cancelRetry = this.#options.clock.after(RETRY_MS, () => {
      this.#cancelRetry = undefined
      this.#openTurn()
    })
  }

  #writeBacklog(): void {
    while (this.#backlog.length > 0) {
      let length = 0
      let count = 0
      while (count < this.#backlog.length && length < BACKLOG_WRITE_LENGTH) length += this.#backlog[count++]?.length ?? 0
      const text = this.#backlog.slice(0, count).join('')
      this.#write(text)
      this.#backlog = this.#backlog.slice(count)
      if (this.#isDirty) this.#unsynced.push(text)
    }
  }

  #writeTurn({ appended }: Turn): void {
    if (appended.length === 0) return
    let text = ''
    for (let from = 0; from < appended.length; from += LINE_RECORDS_MAX) text += lineOf(appended, from)
    this.#write(text)
  }

  #write(text: string): void {
    this.#cutTornTail()
    if (this.#length >= this.#segmentBytesMax && !this.#isDirty) this.#openNext()
    this.#length += this.#put(Buffer.from(text))
    this.#isDirty = this.#options.durability === 'disk' && this.#syncFailure === undefined
  }

  /** All of it or nothing: what was written in part is cut off, now or before the next write. */
  #put(bytes: Buffer): number {
    this.#hasTornTail = true
    const written = this.#disk.write(this.#fd, bytes, this.#length)
    if (written < bytes.length) throw Object.assign(new Error('a write ended early'), { code: 'ENOSPC' })
    this.#hasTornTail = false
    return written
  }

  /** Finds out whether the disk takes records again: a short one that still fits on the last page does not mean that there is room. */
  #probe(): void {
    this.#cutTornTail()
    this.#put(PROBE)
    this.#hasTornTail = true
    this.#cutTornTail()
  }

  #cutTornTail(): void {
    if (!this.#hasTornTail) return
    this.#disk.truncate(this.#fd, this.#length)
    this.#hasTornTail = false
  }

  #openNext(): void {
    const fd = this.#openFile(this.#segment + 1, 0)
    closeSync(this.#fd)
    this.#fd = fd
    this.#segment++
    this.#length = 0
    this.#syncedLength = 0
    this.#isNewFile = true
  }

  #openFile(segment: number, length: number): number {
    const path = segmentPath(this.#options.dataDir, segment)
    try {
      const fd = openSync(path, constants.O_RDWR | constants.O_CREAT, 0o600)
      this.#disk.truncate(fd, length)
      return fd
    } catch (error) {
      throw explain(error, `can't open ${path}`)
    }
  }

  #path(): string {
    return segmentPath(this.#options.dataDir, this.#segment)
  }

  async #sync(turn: Turn): Promise<void> {
    this.#isSyncing = true
    try {
      await this.#disk.syncData(this.#fd)
      if (this.#isNewFile) await this.#syncDirectory()
      this.#isNewFile = false
      this.#isSyncing = false
    } catch (error) {
      this.#isSyncing = false
      this.#stopSyncing(turn, error)
      return
    }
    this.#syncedLength = this.#length
    this.#unsynced = []
    this.#isDirty = false
    this.#settle(turn)
    this.#endTurn()
  }

  /**
   * After a failed sync the kernel may have dropped the pages, and a second sync would report success: never again. What was
   * not synced is taken back, and from now on records are only written, which still survives a `kill -9`.
   */
  #stopSyncing(turn: Turn, error: unknown): void {
    const reason = explain(error, `can't sync ${this.#path()} to the disk`).message
    this.#syncFailure = new Failure(
      'store_unavailable',
      `${reason}. Calls under a hard cap are refused until Bursar is started again`,
      error,
    )
    this.#length = this.#syncedLength
    this.#hasTornTail = true
    this.#isDirty = false
    this.#backlog = this.#unsynced
    this.#unsynced = []
    this.#giveUp(turn, this.#syncFailure)
    this.#endTurn()
  }

  async #syncDirectory(): Promise<void> {
    const fd = openSync(journalDir(this.#options.dataDir), 'r')
    try {
      await this.#disk.syncDirectory(fd)
    } finally {
      closeSync(fd)
    }
  }

  #syncDirectoryNow(): void {
    const fd = openSync(journalDir(this.#options.dataDir), 'r')
    try {
      fsyncSync(fd)
    } finally {
      closeSync(fd)
    }
    this.#isNewFile = false
  }
}

function lineOf(appended: readonly Appended[], from: number): string {
  const records: LedgerRecord[] = []
  const end = Math.min(appended.length, from + LINE_RECORDS_MAX)
  for (let i = from; i < end; i++) {
    const one = appended[i]
    if (one !== undefined) records.push(one.record)
  }
  return toLine(records)
}

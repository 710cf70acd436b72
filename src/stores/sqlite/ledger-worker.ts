import { parentPort, workerData } from 'node:worker_threads'
import { Applier } from './applier.ts'
import { openForWriting } from './database.ts'
import { BadLine, damaged, JournalReader } from './journal-reader.ts'
import { BATCH_RECORDS, dropSegmentsBefore, recover } from './recovery.ts'
import { compare, type Position, segmentPath } from './segment.ts'
import { explain } from './storage-error.ts'

/** What the thread that owns the journal tells this one. */
export type ToLedgerWorker =
  /** The journal has grown up to there. `isAwaited`: somebody waits for it, so say how it went, also where nothing is new. */
  { readonly kind: 'grown'; readonly end: Position; readonly isAwaited: boolean } | { readonly kind: 'stop' }

export type FromLedgerWorker =
  | { readonly kind: 'ready'; readonly start: Position; readonly notice?: string }
  | { readonly kind: 'unable'; readonly message: string }
  | { readonly kind: 'applied'; readonly position: Position; readonly hasNewAlerts: boolean }
  | { readonly kind: 'trouble'; readonly message: string }

export interface LedgerWorkerData {
  readonly dataDir: string
  /** True at the start of the process: nobody writes to the journal yet, and what a dead process left is taken in first. */
  readonly isRecovering: boolean
}

const RETRY_MIN_MS = 100
const RETRY_MAX_MS = 5000

/** The one writer of the ledger's tables: follows the journal. */
class LedgerWorker {
  readonly #dataDir: string
  readonly #tell: (message: FromLedgerWorker) => void
  readonly #db: ReturnType<typeof openForWriting>
  readonly #applier: Applier
  readonly #journal: JournalReader
  #position: Position
  #end: Position
  #isRunning = false
  #mustDrop = false
  #retryMs = RETRY_MIN_MS
  #retry: NodeJS.Timeout | undefined

  constructor({ dataDir, isRecovering }: LedgerWorkerData, tell: (message: FromLedgerWorker) => void) {
    this.#dataDir = dataDir
    this.#tell = tell
    this.#db = openForWriting(dataDir)
    this.#applier = new Applier(this.#db)
    this.#journal = new JournalReader(dataDir)
    const recovery = isRecovering ? recover(dataDir, { db: this.#db, applier: this.#applier, journal: this.#journal }) : undefined
    this.#position = this.#applier.position()
    this.#end = this.#position
    tell({ kind: 'ready', start: this.#position, ...(recovery?.notice === undefined ? {} : { notice: recovery.notice }) })
  }

  follow(end: Position, isAwaited: boolean): void {
    if (compare(end, this.#end) > 0) this.#end = end
    if (this.#isRunning) return
    if (compare(this.#position, this.#end) >= 0) {
      if (isAwaited) this.#tell({ kind: 'applied', position: this.#position, hasNewAlerts: false })
      return
    }
    if (this.#retry !== undefined && !isAwaited) return
    clearTimeout(this.#retry)
    this.#retry = undefined
    this.#applyNext()
  }

  stop(): void {
    clearTimeout(this.#retry)
    this.#end = this.#position
    this.#journal.close()
    if (this.#db.checkpoint('TRUNCATE')) dropSegmentsBefore(this.#dataDir, this.#position.segment)
    this.#db.close()
  }

  #applyNext(): void {
    this.#isRunning = false
    if (compare(this.#position, this.#end) >= 0) return
    try {
      this.#applyBatch()
    } catch (error) {
      this.#fail(error)
      return
    }
    this.#retryMs = RETRY_MIN_MS
    this.#isRunning = true
    setImmediate(() => this.#applyNext())
  }

  #applyBatch(): void {
    const batch = this.#journal.read(this.#position, this.#end, BATCH_RECORDS)
    const alerts = this.#applier.apply(batch)
    this.#mustDrop ||= batch.next.segment > this.#position.segment
    this.#position = batch.next
    this.#tell({ kind: 'applied', position: this.#position, hasNewAlerts: alerts > 0 })
    if (this.#mustDrop && this.#db.checkpoint('PASSIVE')) {
      dropSegmentsBefore(this.#dataDir, this.#position.segment)
      this.#mustDrop = false
    }
  }

  #fail(error: unknown): void {
    const { segment, offset } = this.#position
    const what = `the ledger can't take in ${segmentPath(this.#dataDir, segment)} from byte ${offset} on`
    const failure = error instanceof BadLine ? damaged(this.#dataDir, error) : explain(error, what)
    this.#tell({ kind: 'trouble', message: failure.message })
    this.#retry = setTimeout(() => {
      this.#retry = undefined
      this.#applyNext()
    }, this.#retryMs)
    this.#retryMs = Math.min(this.#retryMs * 2, RETRY_MAX_MS)
  }
}

function run(port: NonNullable<typeof parentPort>, data: LedgerWorkerData): void {
  const tell = (message: FromLedgerWorker) => port.postMessage(message)
  try {
    const worker = new LedgerWorker(data, tell)
    port.on('message', (message: ToLedgerWorker) => {
      if (message.kind === 'grown') return worker.follow(message.end, message.isAwaited)
      worker.stop()
      port.close()
    })
  } catch (error) {
    tell({ kind: 'unable', message: explain(error, `can't start the ledger in ${data.dataDir}`).message })
  }
}

if (parentPort !== null) run(parentPort, workerData)

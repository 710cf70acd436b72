import { Worker } from 'node:worker_threads'
import { Failure } from '../../engine/failure.ts'
import type { FromLedgerWorker, LedgerWorkerData, ToLedgerWorker } from './ledger-worker.ts'
import { compare, type Position } from './segment.ts'
import { explain } from './storage-error.ts'

export interface LedgerWriterOptions {
  readonly dataDir: string
  readonly onAlerts: () => void
  readonly onTrouble: (message: string) => void
}

/** The thread that derives the ledger's tables from the journal, as the main thread sees it. */
export interface LedgerWriter {
  /** Where the journal goes on. */
  readonly start: Position
  /** Says that the journal has grown; told on at most every half second. */
  readonly grown: (end: Position) => void
  /** @throws Failure store_unavailable where the ledger can't be brought up to there now */
  readonly catchUp: (end: Position) => Promise<void>
  /** What keeps it from following, or kept it until it last did; undefined: nothing. */
  readonly trouble: () => string | undefined
  /** Moves everything that is applied into the database file, and ends the thread. */
  readonly stop: () => Promise<void>
  /** Ends the thread as a crash would; it comes back by itself. */
  readonly crash: () => Promise<void>
}

interface Waiter {
  readonly end: Position
  readonly resolve: () => void
  readonly reject: (failure: Failure) => void
}

const TELL_MS = 500
/** A ledger that gives no sign for so long is not waited for any more. */
const SILENCE_MAX_MS = 30_000
const RESTART_MIN_MS = 100
const RESTART_MAX_MS = 10_000

/** @throws Failure store_unavailable where the ledger can't be opened or recovered */
export async function startLedgerWriter(options: LedgerWriterOptions): Promise<LedgerWriter> {
  const thread = new LedgerThread(options)
  const start = await thread.recover()
  return {
    start,
    grown: (end) => thread.grown(end),
    catchUp: (end) => thread.catchUp(end),
    trouble: () => thread.trouble(),
    stop: () => thread.stop(),
    crash: async () => {
      await thread.crash()
    },
  }
}

class LedgerThread {
  readonly #options: LedgerWriterOptions
  readonly #ready = Promise.withResolvers<Position>()
  readonly #stopped = Promise.withResolvers<void>()
  #worker: Worker
  #isReady = false
  #isStopping = false
  /** Why the thread ended, or will. */
  #reason = ''
  #end: Position = { segment: 0, offset: 0 }
  #applied: Position = { segment: 0, offset: 0 }
  #waiters: Waiter[] = []
  #telling: NodeJS.Timeout | undefined
  #silence: NodeJS.Timeout | undefined
  #restarting: NodeJS.Timeout | undefined
  #restartMs = RESTART_MIN_MS
  #told: string | undefined

  constructor(options: LedgerWriterOptions) {
    this.#options = options
    this.#worker = this.#spawn(true)
  }

  recover(): Promise<Position> {
    return this.#ready.promise
  }

  trouble(): string | undefined {
    return this.#told
  }

  grown(end: Position): void {
    this.#end = end
    this.#telling ??= setTimeout(() => this.#tellEnd(false), TELL_MS)
  }

  catchUp(end: Position): Promise<void> {
    if (compare(this.#applied, end) >= 0) return Promise.resolve()
    if (compare(end, this.#end) > 0) this.#end = end
    return new Promise((resolve, reject) => {
      this.#waiters.push({ end, resolve, reject })
      this.#silence ??= setTimeout(
        () => this.#rejectWaiters(`the ledger gave no sign for ${SILENCE_MAX_MS / 1000} s: is its disk hanging?`),
        SILENCE_MAX_MS,
      )
      this.#tellEnd(true)
    })
  }

  stop(): Promise<void> {
    this.#isStopping = true
    clearTimeout(this.#telling)
    this.#rejectWaiters('the ledger is closed: Bursar is shutting down')
    if (this.#restarting === undefined) this.#post({ kind: 'stop' })
    else this.#stopped.resolve()
    clearTimeout(this.#restarting)
    return this.#stopped.promise
  }

  /** Ends the thread as a crash would. */
  crash(): Promise<number> {
    return this.#worker.terminate()
  }

  #spawn(isRecovering: boolean): Worker {
    const data: LedgerWorkerData = { dataDir: this.#options.dataDir, isRecovering }
    const worker = new Worker(new URL('./ledger-worker.ts', import.meta.url), { workerData: data, name: 'ledger' })
    worker.on('message', (message: FromLedgerWorker) => this.#hear(message))
    worker.on('error', (error) => {
      this.#reason = explain(error, 'the thread that keeps the ledger failed').message
    })
    worker.on('exit', () => this.#ended())
    return worker
  }

  #hear(message: FromLedgerWorker): void {
    this.#silence?.refresh()
    switch (message.kind) {
      case 'ready':
        return this.#begin(message)
      case 'unable':
        this.#reason = message.message
        return
      case 'applied':
        return this.#advance(message.position, message.hasNewAlerts)
      case 'trouble':
        this.#tell(message.message)
        this.#rejectWaiters(message.message)
    }
  }

  #begin({ start, notice }: Extract<FromLedgerWorker, { kind: 'ready' }>): void {
    if (notice !== undefined) this.#options.onTrouble(notice)
    this.#isReady = true
    this.#ready.resolve(start)
    this.#advance(start, false)
    if (compare(this.#end, start) > 0) this.#tellEnd(true)
  }

  #advance(position: Position, hasNewAlerts: boolean): void {
    this.#applied = position
    this.#told = undefined
    this.#restartMs = RESTART_MIN_MS
    if (this.#waiters.length > 0) {
      for (const { end, resolve } of this.#waiters) if (compare(end, position) <= 0) resolve()
      this.#waiters = this.#waiters.filter(({ end }) => compare(end, position) > 0)
      this.#stopWatch()
    }
    if (hasNewAlerts) this.#options.onAlerts()
  }

  #rejectWaiters(message: string): void {
    for (const { reject } of this.#waiters) reject(new Failure('store_unavailable', message))
    this.#waiters = []
    this.#stopWatch()
  }

  #stopWatch(): void {
    if (this.#waiters.length > 0) return
    clearTimeout(this.#silence)
    this.#silence = undefined
  }

  #tellEnd(isAwaited: boolean): void {
    clearTimeout(this.#telling)
    this.#telling = undefined
    this.#post({ kind: 'grown', end: this.#end, isAwaited })
  }

  #post(message: ToLedgerWorker): void {
    this.#worker.postMessage(message)
  }

  /** Nothing is lost with the thread: the journal is the truth, and a new one goes on where the last transaction ended. */
  #ended(): void {
    if (this.#isStopping) {
      this.#stopped.resolve()
      return
    }
    const reason = this.#reason === '' ? 'the thread that keeps the ledger ended' : this.#reason
    if (!this.#isReady) {
      this.#ready.reject(new Failure('store_unavailable', reason))
      return
    }
    this.#tell(`${reason}. It is started again; the journal goes on`)
    this.#rejectWaiters(reason)
    this.#restarting = setTimeout(() => {
      this.#restarting = undefined
      this.#worker = this.#spawn(false)
    }, this.#restartMs)
    this.#restartMs = Math.min(this.#restartMs * 2, RESTART_MAX_MS)
  }

  #tell(message: string): void {
    if (message !== this.#told) this.#options.onTrouble(message)
    this.#told = message
  }
}

import { Worker } from 'node:worker_threads'
import { Failure } from '../../engine/failure.ts'
import type { Ledger } from '../../engine/ports.ts'
import type { FileJournal } from './journal.ts'
import type { Answers, Question, QuestionOf } from './ledger-question.ts'
import type { LedgerWriter } from './ledger-writer.ts'
import type { ReaderReply, ReaderRequest } from './reader-worker.ts'

export interface LedgerReader extends Ledger {
  readonly stop: () => Promise<void>
}

/**
 * Answers from threads of their own, each with a read-only connection: one for what is asked often and answered at once, one,
 * started when it is needed, for reports, so that a long report delays no alert.
 */
export function createLedgerReader(options: {
  readonly dataDir: string
  readonly journal: FileJournal
  readonly writer: LedgerWriter
}): LedgerReader {
  const quick = new ReaderThread(options.dataDir, 'ledger-reader')
  const reports = new ReaderThread(options.dataDir, 'ledger-reports')
  const ask = async <K extends Question['kind']>(thread: ReaderThread, question: QuestionOf<K>): Promise<Answers[K]> => {
    await catchUp(options.journal, options.writer)
    return thread.ask<K>(question)
  }
  return {
    openState: () => ask<'openState'>(quick, { kind: 'openState' }),
    closes: (query) => ask<'closes'>(quick, { kind: 'closes', query }),
    alerts: ({ limit }) => ask<'alerts'>(quick, { kind: 'alerts', limit }),
    audit: ({ limit }) => ask<'audit'>(quick, { kind: 'audit', limit }),
    dueDeliveries: (at, limit) => ask<'dueDeliveries'>(quick, { kind: 'dueDeliveries', at, limit }),
    usage: (query) => ask<'usage'>(reports, { kind: 'usage', query }),
    differences: () => ask<'differences'>(reports, { kind: 'differences' }),
    bounds: (from) => ask<'bounds'>(reports, { kind: 'bounds', from }),
    unpriced: (from) => ask<'unpriced'>(reports, { kind: 'unpriced', from }),
    sums: () => ask<'sums'>(reports, { kind: 'sums' }),
    stop: async () => {
      await Promise.all([quick.stop(), reports.stop()])
    },
  }
}

/** Every record that was appended before the question is in the answer, or there is none. */
async function catchUp(journal: FileJournal, writer: LedgerWriter): Promise<void> {
  await journal.flush()
  if (journal.hasBacklog()) throw new Failure('store_unavailable', journal.trouble() ?? 'records wait for the disk')
  await writer.catchUp(journal.end())
}

interface Waiting {
  readonly answer: (json: string) => void
  readonly fail: (failure: Failure) => void
}

class ReaderThread {
  readonly #dataDir: string
  readonly #name: string
  readonly #waiting = new Map<number, Waiting>()
  #worker: Worker | undefined
  #lastId = 0
  #isStopped = false

  constructor(dataDir: string, name: string) {
    this.#dataDir = dataDir
    this.#name = name
  }

  ask<K extends Question['kind']>(question: QuestionOf<K>): Promise<Answers[K]> {
    if (this.#isStopped) return Promise.reject(closedFailure())
    const worker = (this.#worker ??= this.#spawn())
    const id = ++this.#lastId
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { answer: (json) => resolve(JSON.parse(json)), fail: reject })
      const request: ReaderRequest = { id, question }
      worker.postMessage(request)
    })
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    const worker = this.#worker
    if (worker === undefined) return
    const ended = new Promise((resolve) => worker.once('exit', resolve))
    worker.postMessage('stop')
    await ended
  }

  #spawn(): Worker {
    const worker = new Worker(new URL('./reader-worker.ts', import.meta.url), { workerData: this.#dataDir, name: this.#name })
    let reason = 'the thread that reads the ledger ended'
    worker.on('message', (reply: ReaderReply) => this.#hear(reply))
    worker.on('error', (error) => {
      reason = `the thread that reads the ledger failed: ${String(error)}`
    })
    worker.on('exit', () => this.#ended(reason))
    return worker
  }

  #hear(reply: ReaderReply): void {
    const waiting = this.#waiting.get(reply.id)
    this.#waiting.delete(reply.id)
    if (reply.kind === 'answer') waiting?.answer(reply.json)
    else waiting?.fail(new Failure(reply.code, reply.message))
  }

  /** The next question starts a new thread. */
  #ended(reason: string): void {
    this.#worker = undefined
    for (const { fail } of this.#waiting.values()) fail(new Failure('store_unavailable', reason))
    this.#waiting.clear()
  }
}

function closedFailure(): Failure {
  return new Failure('store_unavailable', 'the ledger is closed: Bursar is shutting down')
}

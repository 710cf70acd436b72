import { Worker } from 'node:worker_threads'
import { Failure } from '../../engine/failure.ts'
import { explain } from './storage-error.ts'

export interface ThreadRequest {
  readonly id: number
  readonly request: unknown
}

/** The answer as JSON: cheaper to hand over than the objects. */
export type ThreadReply =
  | { readonly id: number; readonly kind: 'answer'; readonly json: string }
  | { readonly id: number; readonly kind: 'failure'; readonly code: Failure['code']; readonly message: string }

interface Waiting {
  readonly answer: (json: string) => void
  readonly fail: (failure: Failure) => void
}

export interface ThreadOptions {
  readonly dataDir: string
  readonly name: string
  /** Hears of a thread that ended though nobody stopped it. */
  readonly onTrouble?: ((message: string) => void) | undefined
}

/** A thread that has a connection of its own and answers one request after the other; started when it is first asked. */
export class Thread {
  readonly #script: URL
  readonly #options: ThreadOptions
  readonly #waiting = new Map<number, Waiting>()
  #worker: Worker | undefined
  #lastId = 0
  #isStopped = false

  constructor(script: URL, options: ThreadOptions) {
    this.#script = script
    this.#options = options
  }

  /** @returns the answer's JSON */
  ask(request: unknown): Promise<string> {
    if (this.#isStopped) return Promise.reject(closedFailure())
    const worker = (this.#worker ??= this.#spawn())
    const id = ++this.#lastId
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { answer: resolve, fail: reject })
      const asked: ThreadRequest = { id, request }
      worker.postMessage(asked)
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
    const { dataDir, name } = this.#options
    const worker = new Worker(this.#script, { workerData: dataDir, name })
    let reason = `the thread ${name} ended`
    worker.on('message', (reply: ThreadReply) => this.#hear(reply))
    worker.on('error', (error) => {
      reason = `the thread ${name} failed: ${String(error)}`
    })
    worker.on('exit', () => this.#ended(reason))
    return worker
  }

  #hear(reply: ThreadReply): void {
    const waiting = this.#waiting.get(reply.id)
    this.#waiting.delete(reply.id)
    if (reply.kind === 'answer') waiting?.answer(reply.json)
    else waiting?.fail(new Failure(reply.code, reply.message))
  }

  /** The next request starts a new thread. */
  #ended(reason: string): void {
    this.#worker = undefined
    for (const { fail } of this.#waiting.values()) fail(new Failure('store_unavailable', reason))
    this.#waiting.clear()
    if (!this.#isStopped) this.#options.onTrouble?.(`${reason}. It is started again when it is needed`)
  }
}

function closedFailure(): Failure {
  return new Failure('store_unavailable', 'the ledger is closed: Bursar is shutting down')
}

/**
 * What a thread does with a request: its answer, undefined for none, or a failure of the world.
 * @param doing what it is about, for the message of a failure
 */
export function replyOf(id: number, doing: string, answer: () => unknown): ThreadReply {
  try {
    return { id, kind: 'answer', json: JSON.stringify(answer() ?? null) }
  } catch (error) {
    const failure = explain(error, doing)
    return { id, kind: 'failure', code: failure.code, message: failure.message }
  }
}

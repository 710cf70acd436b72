import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import type { Work, WorkerNews } from './worker.ts'

export type Counts = Pick<WorkerNews, 'refused' | 'unavailable'>

/** One of the proof's processes, which is started anew whenever it was killed. */
export class Member {
  readonly #work: Work
  #child: ChildProcess
  #since: number | undefined = Date.now()
  #isFirst = true
  #isEnding = false
  #news: Counts = NONE
  #before: Counts = NONE
  /** The longest that it took to let calls in again, after a kill or a partition; in milliseconds. */
  worstRecoveryMs = 0
  /** Why a process ended by itself; undefined: none did. */
  crash: string | undefined

  constructor(work: Work) {
    this.#work = work
    this.#child = this.#start()
  }

  /** What its processes said of their calls, as far as they lived to say it. */
  get counts(): Counts {
    return sum(this.#before, this.#news)
  }

  /** Whether it lets calls in, and refuses them by the caps, since it was started or mended. */
  get isDeciding(): boolean {
    return this.#since === undefined
  }

  /** With `kill -9`, and starts another one. */
  async kill(): Promise<void> {
    const child = this.#child
    child.removeAllListeners('exit')
    const ended = once(child, 'exit')
    child.kill('SIGKILL')
    await ended
    this.mended()
    this.#child = this.#start()
  }

  /** From now on it is counted how long it takes. */
  mended(): void {
    this.#since = Date.now()
  }

  /** Lets its calls end; kills it where that takes too long. */
  async stop(withinMs: number): Promise<void> {
    this.#isEnding = true
    const child = this.#child
    if (child.exitCode !== null || child.signalCode !== null) return
    const ended = once(child, 'exit')
    if (child.connected) child.send('stop')
    const deadline = setTimeout(() => child.kill('SIGKILL'), withinMs)
    await ended
    clearTimeout(deadline)
  }

  #start(): ChildProcess {
    this.#before = this.counts
    this.#news = NONE
    const child = fork(new URL('./worker.ts', import.meta.url), [JSON.stringify(this.#work)], {
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    })
    let errors = ''
    child.stderr?.on('data', (bytes: Buffer) => (errors = (errors + bytes.toString()).slice(-2000)))
    child.on('message', (news: WorkerNews) => this.#hear(news))
    child.once('exit', (code) => {
      if (code !== 0 && !this.#isEnding) this.crash ??= errors === '' ? `it ended with ${code}` : errors
    })
    return child
  }

  #hear(news: WorkerNews): void {
    this.#news = news
    if (this.#since === undefined || news.decidedAt <= this.#since) return
    if (!this.#isFirst) this.worstRecoveryMs = Math.max(this.worstRecoveryMs, news.decidedAt - this.#since)
    this.#isFirst = false
    this.#since = undefined
  }
}

const NONE: Counts = { refused: 0, unavailable: 0 }

export function sum(a: Counts, b: Counts): Counts {
  return { refused: a.refused + b.refused, unavailable: a.unavailable + b.unavailable }
}

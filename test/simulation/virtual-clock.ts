import { setImmediate } from 'node:timers'
import type { Clock } from '../../src/engine/ports.ts'
import type { Random } from './random.ts'

interface Event {
  readonly at: number
  /** Which of several at one instant is first is chance, and follows from the seed. */
  readonly tie: number
  readonly run: () => void
  isCancelled: boolean
}

/**
 * The time of the whole simulated world, and what is to happen in it. It stands still while code runs: one event runs, then
 * everything that its promises lead to, then the next event.
 *
 * No code under simulation may wait for anything real. Its clocks, network and disks are this queue; its promises are settled
 * by events of this queue only. So when an event has run, all that can go on are microtasks, and `setImmediate`, which Node
 * runs when none is left, says that they are through; it measures no time, and nothing else of Node's event loop is used. What
 * would break this (timers, the real time, chance) throws while a simulation runs: see {@link withoutReality}.
 */
export class VirtualTime {
  readonly #random: Random
  readonly #heap: Event[] = []
  #now: number
  #ran = 0
  /** Called whenever all that an event led to has happened. */
  onSettled: () => void = () => undefined

  constructor(startsAt: number, random: Random) {
    this.#now = startsAt
    this.#random = random
  }

  /** Milliseconds, with a fraction. */
  get now(): number {
    return this.#now
  }

  /** How many events ran. */
  get ran(): number {
    return this.#ran
  }

  /** @returns what cancels it */
  schedule(delayMs: number, run: () => void): () => void {
    const event: Event = { at: this.#now + Math.max(0, delayMs), tie: this.#random.next(), run, isCancelled: false }
    push(this.#heap, event)
    return () => {
      event.isCancelled = true
    }
  }

  /** Runs what is due up to that instant, and is then at it. */
  async runUntil(at: number): Promise<void> {
    for (let event = this.#heap[0]; event !== undefined && event.at <= at; event = this.#heap[0]) {
      pop(this.#heap)
      if (event.isCancelled) continue
      this.#now = Math.max(this.#now, event.at)
      this.#ran++
      event.run()
      await settled()
      this.onSettled()
    }
    this.#now = Math.max(this.#now, at)
  }
}

/** Resolves when no microtask is left. */
export async function settled(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve))
}

function isBefore(a: Event, b: Event): boolean {
  return a.at < b.at || (a.at === b.at && a.tie < b.tie)
}

function push(heap: Event[], event: Event): void {
  let at = heap.push(event) - 1
  while (at > 0) {
    const parent = (at - 1) >> 1
    const above = heap[parent]
    if (above === undefined || !isBefore(event, above)) break
    heap[at] = above
    at = parent
  }
  heap[at] = event
}

function pop(heap: Event[]): void {
  const last = heap.pop()
  if (last === undefined || heap.length === 0) return
  let at = 0
  for (;;) {
    const child = smallerChild(heap, at)
    const below = heap[child]
    if (below === undefined || !isBefore(below, last)) break
    heap[at] = below
    at = child
  }
  heap[at] = last
}

function smallerChild(heap: readonly Event[], at: number): number {
  const [left, right] = [heap[at * 2 + 1], heap[at * 2 + 2]]
  return left !== undefined && right !== undefined && isBefore(right, left) ? at * 2 + 2 : at * 2 + 1
}

/** A process's own clock: the world's time, and how far it is off. When its process dies, nothing more comes of its timers. */
export class ProcessClock implements Clock {
  readonly #time: VirtualTime
  #isStopped = false
  /** May change at any instant, in both directions. Timers do not notice. */
  offsetMs: number

  constructor(time: VirtualTime, offsetMs: number) {
    this.#time = time
    this.offsetMs = offsetMs
  }

  readonly now = (): number => Math.floor(this.#time.now + this.offsetMs)

  readonly after = (delayMs: number, run: () => void): (() => void) =>
    this.#time.schedule(delayMs, () => {
      if (!this.#isStopped) run()
    })

  stop(): void {
    this.#isStopped = true
  }
}

const REALITY: readonly (readonly [owner: object, name: string])[] = [
  [globalThis, 'setTimeout'],
  [globalThis, 'setInterval'],
  [globalThis, 'setImmediate'],
  [Date, 'now'],
  [Math, 'random'],
  [performance, 'now'],
]

/** Runs a simulation in which no code of ours can look at the real time, wait for it, or leave anything to chance. */
export async function withoutReality<T>(run: () => Promise<T>): Promise<T> {
  const restores = REALITY.map(([owner, name]) => forbid(owner, name))
  try {
    return await run()
  } finally {
    for (const restore of restores) restore()
  }
}

/** The test runner around it goes on to use them. */
function forbid(owner: object, name: string): () => void {
  const real: unknown = Reflect.get(owner, name)
  if (typeof real !== 'function') throw new Error(`there is no ${name}`)
  const guarded = function guarded(this: unknown, ...args: unknown[]): unknown {
    const caller = new Error(`${name} in a simulation`)
    if (/[\\/]src[\\/](?!node_modules)/.test(caller.stack?.split('\n')[2] ?? '')) throw caller
    return Reflect.apply(real, this, args)
  }
  Reflect.set(owner, name, guarded)
  return () => void Reflect.set(owner, name, real)
}

import { Failure } from '../../src/engine/failure.ts'
import type { Random } from './random.ts'
import { RedisRefusal, RedisStatus, type Reply } from './redis/reply.ts'
import type { SimulatedRedis } from './redis/simulated-redis.ts'
import type { VirtualTime } from './virtual-clock.ts'

/** How bad the network is; shares are per message. */
export interface NetworkFaults {
  /** The usual time of one way. */
  readonly delayMs: number
  /** How often a message takes much longer. */
  readonly slow: number
  /** How often a connection breaks before the request is there. */
  readonly loseRequest: number
  /** How often it breaks when the request was done and the reply is on its way. */
  readonly loseReply: number
  /** How often a request that is on its way when its connection breaks comes all the same, when its process may be back on another. */
  readonly late: number
}

export type Direction = 'to' | 'from'

/** The process stops waiting for an answer then; the request may still be done. */
const ANSWER_MS = 2000
const SLOW_MS = 3000
const RECONNECT_MS = 50
const LATE_MS = 10_000

/**
 * What lies between the processes and their Redis: a stream of bytes for each connection, so that nothing overtakes and nothing
 * is lost or doubled but by a connection that breaks, and with it whatever is on its way; of that a request may still come, behind
 * those of the next connection. A partition lets nothing through, and what was sent meanwhile comes late when it heals, unless
 * the connection broke.
 */
export class Network {
  readonly #time: VirtualTime
  readonly #random: Random
  readonly #lateness: Random
  readonly #redis: SimulatedRedis
  readonly #blocked: Record<Direction, Set<string>> = { to: new Set(), from: new Set() }
  readonly #links = new Set<Link>()
  #isServerUp = true
  faults: NetworkFaults
  onExecute: (command: string, args: readonly string[]) => void = () => undefined

  constructor(options: {
    readonly time: VirtualTime
    readonly random: Random
    readonly redis: SimulatedRedis
    readonly faults: NetworkFaults
  }) {
    this.#time = options.time
    this.#random = options.random
    this.#lateness = options.random.stream('late')
    this.#redis = options.redis
    this.faults = options.faults
  }

  /** A connection of a process; with the process, it is gone: what it had sent may still arrive. */
  connect(process: string): Link {
    const link = new Link(process, this)
    this.#links.add(link)
    return link
  }

  drop(link: Link): void {
    this.#links.delete(link)
    link.isDead = true
  }

  block(process: string, directions: readonly Direction[]): void {
    for (const direction of directions) this.#blocked[direction].add(process)
  }

  /**
   * Nothing, where the process is not cut off any more.
   * @param breaks whether connections broke meanwhile, so that nothing comes late
   */
  heal(process: string, breaks: boolean): void {
    const { to, from } = this.#blocked
    const wasBlocked = [to.delete(process), from.delete(process)].includes(true)
    if (!wasBlocked) return
    for (const link of this.#links) {
      if (link.process !== process) continue
      if (breaks) link.break()
      else link.release()
    }
  }

  /** The server dies; each connection breaks. */
  stopServer(): void {
    this.#isServerUp = false
    this.breakAll()
  }

  startServer(): void {
    this.#isServerUp = true
  }

  breakAll(): void {
    for (const link of this.#links) link.break()
  }

  get isServerUp(): boolean {
    return this.#isServerUp
  }

  isBlocked(process: string, direction: Direction): boolean {
    return this.#blocked[direction].has(process)
  }

  delay(): number {
    const { delayMs, slow } = this.faults
    return this.#random.chance(slow) ? this.#random.next() * SLOW_MS : delayMs * (0.5 + this.#random.next())
  }

  breaks(what: 'loseRequest' | 'loseReply'): boolean {
    return this.#random.chance(this.faults[what])
  }

  /** The connection of that request broke. */
  lose(command: string, args: readonly string[]): void {
    if (!this.#lateness.chance(this.faults.late)) return
    this.schedule(this.#lateness.next() * LATE_MS, () => {
      if (this.#isServerUp) this.execute(command, args)
    })
  }

  schedule(delayMs: number, run: () => void): () => void {
    return this.#time.schedule(delayMs, run)
  }

  get now(): number {
    return this.#time.now
  }

  execute(command: string, args: readonly string[]): Answer {
    this.onExecute(command, args)
    try {
      return { reply: this.#redis.execute(command, args) }
    } catch (error) {
      if (error instanceof RedisRefusal) return { refusal: error }
      throw error
    }
  }
}

type Answer = { readonly reply: Reply } | { readonly refusal: RedisRefusal }

/** On its way. */
interface Message {
  readonly deliver: () => void
  /** Its connection broke. */
  readonly lose: () => void
}

interface Waiting {
  readonly resolve: (answer: Answer) => void
  readonly reject: (failure: Failure) => void
  readonly stopTimeout: () => void
}

/** One connection. Requests arrive in their order, and so do replies. */
export class Link {
  readonly process: string
  readonly #network: Network
  readonly #waiting = new Set<Waiting>()
  readonly #held: Record<Direction, Message[]> = { to: [], from: [] }
  readonly #last: Record<Direction, number> = { to: 0, from: 0 }
  /** Messages of a connection that broke go nowhere. */
  #generation = 0
  #connectsAt = 0
  isDead = false

  constructor(process: string, network: Network) {
    this.process = process
    this.#network = network
  }

  /** @throws Failure store_unavailable where there is no connection, it breaks, or no answer comes in time */
  send(command: string, args: readonly string[]): Promise<Answer> {
    const network = this.#network
    // Nobody is there any more to hear of it.
    if (this.isDead) return new Promise(() => undefined)
    if (!network.isServerUp || network.now < this.#connectsAt) {
      return Promise.reject(new Failure('store_unavailable', "the counters' Redis can't be reached"))
    }
    return new Promise((resolve, reject) => {
      const give = (failure: Failure) => {
        this.#forget(waiting)
        if (!this.isDead) reject(failure)
      }
      const stopTimeout = network.schedule(ANSWER_MS, () => give(new Failure('store_unavailable', 'Redis gave no answer in 2 s')))
      const waiting: Waiting = { resolve, reject, stopTimeout }
      this.#waiting.add(waiting)
      this.#pass('to', { deliver: () => this.#arrive(waiting, command, args), lose: () => network.lose(command, args) })
    })
  }

  /** Whatever is on its way is lost, and whoever waits hears so. */
  break(): void {
    this.#generation++
    const { to, from } = this.#held
    this.#held.to = []
    this.#held.from = []
    for (const message of [...to, ...from]) message.lose()
    this.#connectsAt = this.#network.now + RECONNECT_MS
    for (const waiting of this.#waiting) {
      this.#forget(waiting)
      if (!this.isDead) waiting.reject(new Failure('store_unavailable', 'the connection to Redis broke'))
    }
  }

  /** The partition is over: what was held up goes on. */
  release(): void {
    for (const direction of ['to', 'from'] as const) {
      const held = this.#held[direction]
      this.#held[direction] = []
      for (const message of held) this.#pass(direction, message)
    }
  }

  #arrive(waiting: Waiting, command: string, args: readonly string[]): void {
    const network = this.#network
    if (!network.isServerUp || network.breaks('loseRequest')) {
      network.lose(command, args)
      return this.break()
    }
    const answer = network.execute(command, args)
    if (network.breaks('loseReply')) return this.break()
    const deliver = () => {
      if (this.isDead || !this.#waiting.has(waiting)) return
      this.#forget(waiting)
      waiting.resolve(answer)
    }
    this.#pass('from', { deliver, lose: () => undefined })
  }

  #pass(direction: Direction, message: Message): void {
    const network = this.#network
    const generation = this.#generation
    const at = Math.max(network.now + network.delay(), this.#last[direction] + IN_ORDER_MS)
    this.#last[direction] = at
    network.schedule(at - network.now, () => {
      if (generation !== this.#generation) message.lose()
      else if (network.isBlocked(this.process, direction) || this.#held[direction].length > 0) this.#held[direction].push(message)
      else message.deliver()
    })
  }

  #forget(waiting: Waiting): void {
    waiting.stopTimeout()
    this.#waiting.delete(waiting)
  }
}

const IN_ORDER_MS = 0.000_1

/** A reply as a client gives it. */
export function plainReply(reply: Reply): Exclude<Reply, RedisStatus> {
  if (reply instanceof RedisStatus) return reply.text
  if (typeof reply === 'string') return NOT_ASCII.test(reply) ? Buffer.from(reply, 'latin1').toString('utf8') : reply
  return typeof reply === 'object' && reply !== null ? reply.map(plainReply) : reply
}

/** A character for each byte. */
export function toBytes(value: string | number | Buffer): string {
  if (typeof value === 'object') return value.toString('latin1')
  const text = String(value)
  return NOT_ASCII.test(text) ? Buffer.from(text, 'utf8').toString('latin1') : text
}

const NOT_ASCII = /[^\0-\x7f]/

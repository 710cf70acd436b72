import type { BudgetDefinition } from '../../src/domain/budgets/budget.ts'
import { type CallId, toCallId } from '../../src/domain/ids.ts'
import { type Engine, startEngine } from '../../src/engine/engine.ts'
import { Failure } from '../../src/engine/failure.ts'
import type { Catalog, Clock, Counters, Journal } from '../../src/engine/ports.ts'
import { PICO } from './produced.ts'
import type { Swarm } from './swarm.ts'
import { ProcessClock, type VirtualTime } from './virtual-clock.ts'

/** What a process counts with, and what becomes of it. */
export interface Parts {
  readonly clock: Clock
  readonly counters: Counters
  readonly catalog: Catalog
  readonly journal: Journal
  readonly close: () => Promise<void>
}

/** One life of a process, from its start to its crash: afterwards nothing of it goes on. */
export interface Incarnation {
  readonly name: string
  readonly clock: ProcessClock
  readonly isAlive: () => boolean
}

/** Where processes count. */
export interface Deployment {
  readonly open: (incarnation: Incarnation) => Promise<Parts>
  /** The process died: its connections are gone, and what it was writing to a disk may be there or not. */
  readonly crash: (incarnation: Incarnation) => void
}

export interface ProcessOptions {
  readonly name: string
  readonly time: VirtualTime
  readonly swarm: Swarm
  readonly deployment: Deployment
  readonly definitions: () => readonly BudgetDefinition[]
  readonly log: (line: string) => void
  readonly onDeath: (incarnation: string) => void
  /** Asks providers what became of what was left to them. */
  readonly poll: (process: SimulatedProcess, engine: Engine) => Promise<void>
  /** Hears of errors that no process may have. */
  readonly onDefect: (error: unknown) => void
}

const PRICE = { inputPico: PICO.input, cachedInputPico: PICO.input, cacheWritePico: PICO.input, outputPico: PICO.output }
const TICK_MS = 1000
const START_AGAIN_MS = 500
const STOP_MS = 200

/** A process of Bursar, as its supervisor sees it: started again whenever it died. */
export class SimulatedProcess {
  readonly #options: ProcessOptions
  #lives = 0
  #incarnation: Incarnation | undefined
  #engine: Engine | undefined
  #parts: Parts | undefined
  /** The calls that it serves. */
  readonly inFlight = new Set<CallId>()
  /** How many it is about to let in, or not: who shuts down waits for them too. */
  admitting = 0
  #ids = 0
  #isStopping = false

  constructor(options: ProcessOptions) {
    this.#options = options
  }

  get name(): string {
    return this.#options.name
  }

  /** Undefined while it is down or starting. */
  get engine(): Engine | undefined {
    return this.#engine
  }

  /** Whether it lets calls in. */
  get isServing(): boolean {
    return this.#engine !== undefined && !this.#isStopping
  }

  get incarnation(): Incarnation | undefined {
    return this.#incarnation
  }

  get parts(): Parts | undefined {
    return this.#parts
  }

  /** Does nothing while it is up: the life before would go on, and nobody would end it. */
  start(): void {
    if (this.#incarnation !== undefined) return
    const { name, time, log } = this.#options
    const clock = new ProcessClock(time, 0)
    const incarnation: Incarnation = {
      name: `${name}${'abcdefghijklmnopqrstuvwxyz'[this.#lives % 26] ?? ''}${Math.floor(this.#lives / 26)}`,
      clock,
      isAlive: () => this.#incarnation === incarnation,
    }
    this.#lives++
    this.#isStopping = false
    this.#incarnation = incarnation
    log(`${incarnation.name} starts`)
    void this.#run(incarnation)
  }

  /** Its memory is gone, and with it whatever it was doing. */
  crash(): void {
    const incarnation = this.#incarnation
    if (incarnation === undefined) return
    this.#options.log(`${incarnation.name} dies with ${this.inFlight.size} calls`)
    this.#incarnation = undefined
    this.#engine = undefined
    this.#parts = undefined
    this.inFlight.clear()
    this.admitting = 0
    incarnation.clock.stop()
    this.#options.onDeath(incarnation.name)
    this.#options.deployment.crash(incarnation)
  }

  /** Shuts down as told to: lets nobody in, waits for its calls, closes what it has, and is gone. */
  stop(): void {
    const incarnation = this.#incarnation
    if (incarnation === undefined || this.#isStopping) return
    this.#isStopping = true
    const stopSoon = () => {
      if (this.inFlight.size === 0 && this.admitting === 0) void this.#close(incarnation)
      else incarnation.clock.after(STOP_MS, stopSoon)
    }
    stopSoon()
  }

  async #close(incarnation: Incarnation): Promise<void> {
    try {
      await this.#parts?.close()
    } catch (error) {
      if (!(error instanceof Failure)) this.#options.onDefect(error)
    }
    if (incarnation.isAlive()) this.crash()
  }

  async #run(incarnation: Incarnation): Promise<void> {
    const { deployment, log } = this.#options
    try {
      const parts = await deployment.open(incarnation)
      const engine = await startEngine(this.#engineDeps(parts, incarnation), this.#options.definitions())
      if (!incarnation.isAlive()) return
      this.#parts = parts
      this.#engine = engine
      log(`${incarnation.name} is up`)
      incarnation.clock.after(TICK_MS, () => void this.#tick(incarnation, engine))
    } catch (error) {
      if (!incarnation.isAlive()) return
      if (!(error instanceof Failure)) return this.#options.onDefect(error)
      log(`${incarnation.name} can not start: ${error.message}`)
      this.crash()
      this.#options.time.schedule(START_AGAIN_MS, () => this.start())
    }
  }

  #engineDeps({ counters, catalog, journal, clock }: Parts, { name }: Incarnation) {
    const { holdTtlMs, onLost } = this.#options.swarm
    const ids = { callId: () => toCallId(`call_${name}_${++this.#ids}_`) }
    return { counters, catalog, journal, clock, ids, prices: { priceOf: () => PRICE }, holdTtlMs, onLost }
  }

  async #tick(incarnation: Incarnation, engine: Engine): Promise<void> {
    try {
      await engine.tick()
      if (incarnation.isAlive()) await this.#options.poll(this, engine)
    } catch (error) {
      if (!incarnation.isAlive()) return
      if (!(error instanceof Failure)) return this.#options.onDefect(error)
      this.#options.log(`${incarnation.name} can not tick: ${error.message}`)
    }
    if (incarnation.isAlive()) incarnation.clock.after(TICK_MS, () => void this.#tick(incarnation, engine))
  }
}

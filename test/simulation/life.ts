import { createHash } from 'node:crypto'
import type { CallBound } from '../../src/domain/usage/bound.ts'
import type { BudgetDefinition } from '../../src/domain/budgets/budget.ts'
import type { CallId } from '../../src/domain/ids.ts'
import type { Attributes } from '../../src/domain/budgets/scope.ts'
import type { Engine } from '../../src/engine/engine.ts'
import { Failure } from '../../src/engine/failure.ts'
import type { Admitted } from '../../src/engine/reserve.ts'
import type { Counters, Standing } from '../../src/engine/ports.ts'
import { Auditor } from './auditor.ts'
import { NOTHING, type Produced } from './produced.ts'
import type { Random } from './random.ts'
import type { SimulatedLedger } from './simulated-ledger.ts'
import { type Deployment, SimulatedProcess } from './simulated-process.ts'
import type { Swarm } from './swarm.ts'
import { Violation } from './violation.ts'
import { settled, type VirtualTime } from './virtual-clock.ts'
import { tokenCounts } from '../../src/domain/usage/token-counts.ts'

/** The store and everything else around the processes, and what can befall it. */
export interface World {
  readonly deployment: Deployment
  readonly faults: Readonly<Partial<Record<string, () => void>>>
  /** Everything works from here on. */
  readonly heal: () => void
  /** Whether no call is in flight, by store and ledger. */
  readonly isQuiet: () => boolean
  /** The ledger as it is now. */
  readonly ledger: () => SimulatedLedger
  /** What stands in the counters, seen from outside; undefined where nothing has changed since the last look. */
  readonly look: () => readonly (readonly [account: string, sums: Pick<Standing, 'used' | 'held' | 'overrun'>])[]
}

export interface LifeOptions {
  readonly time: VirtualTime
  readonly random: Random
  readonly swarm: Swarm
  readonly isLoud: boolean
}

/** Work that goes on at a provider when its call was answered. */
interface Job {
  readonly produced: Produced
  readonly endsAt: number
}

const CALLERS: readonly Attributes[] = [
  { team: 'a', user: 'ann', key: 'k1', provider: 'p', model: 'm', tags: {} },
  { team: 'a', user: 'bob', key: 'k1', provider: 'p', model: 'm', tags: { job: 'x' } },
  { team: 'b', key: 'k2', provider: 'p', model: 'm', tags: {} },
]

/** So long after everything has healed, everything must have come to rest. */
function isAtRest({ isServing, inFlight, parts }: SimulatedProcess): boolean {
  return isServing && inFlight.size === 0 && parts?.journal.trouble() === undefined
}

const REST_MS = 60_000
const QUIET_MS = 5000

/** One life of Bursar: its callers, its operators, its faults, and the one who watches. */
export class Life {
  readonly #options: LifeOptions
  readonly #hash = createHash('sha256')
  readonly #processes: SimulatedProcess[] = []
  /** What was left to providers, until it was settled. */
  readonly #jobs = new Map<CallId, Job>()
  readonly #deferrals: Random
  readonly auditor: Auditor
  #definitions: readonly BudgetDefinition[]
  #failure: unknown

  constructor(options: LifeOptions) {
    this.#options = options
    const { swarm } = options
    this.#definitions = swarm.definitions
    this.#deferrals = options.random.stream('deferrals')
    const { onLost, holdTtlMs, events } = swarm
    this.auditor = new Auditor({
      holdTtlMs,
      now: () => options.time.now,
      capsHold: swarm.onStoreDown === 'refuse',
      onLost,
      isTimeSteady: events.clockJump + events.reset === 0,
      areSlicesKept: events.storeRestart + events.storeLoss + events.storeEmpty === 0,
    })
    this.auditor.defined(swarm.definitions)
  }

  get processes(): readonly SimulatedProcess[] {
    return this.#processes
  }

  /** @returns the hash of all that happened @throws what went wrong first */
  async run(world: World): Promise<string> {
    const { time, swarm } = this.#options
    time.onSettled = () => this.#attempt(() => this.#look(world))
    this.#startProcesses(world)
    this.#planCalls()
    this.#planFaults(world)
    await this.#pass(swarm.lengthMs)
    this.log('everything heals')
    world.heal()
    await this.#rest(world)
    await this.#finish(world)
    return this.#hash.digest('hex')
  }

  log(line: string): void {
    const { time, isLoud, swarm } = this.#options
    const text = `${(time.now - swarm.startsAt).toFixed(3)} ${line}`
    this.#hash.update(text)
    if (isLoud) console.log(text)
  }

  /** Goes into the hash only. */
  note(text: string): void {
    this.#hash.update(text)
  }

  async #pass(ms: number): Promise<void> {
    const { time } = this.#options
    const until = time.now + ms
    while (time.now < until && this.#failure === undefined) await time.runUntil(Math.min(until, time.now + 100))
    if (this.#failure !== undefined) throw this.#failure
  }

  /** Until nothing is left to do, or should be. */
  async #rest(world: World): Promise<void> {
    const { holdTtlMs, answerMs } = this.#options.swarm
    let quietMs = 0
    for (let restedMs = 0; restedMs < REST_MS + holdTtlMs + answerMs && quietMs < QUIET_MS; restedMs += 1000) {
      for (const process of this.#processes) process.start()
      await this.#pass(1000)
      quietMs = world.isQuiet() && this.#processes.every(isAtRest) ? quietMs + 1000 : 0
    }
  }

  #fail(error: unknown): void {
    this.#failure ??= error
  }

  #attempt(run: () => void): void {
    try {
      run()
    } catch (error) {
      this.#fail(error)
    }
  }

  #look(world: World): void {
    for (const [account, sums] of world.look()) this.auditor.look(account, sums)
  }

  #startProcesses({ deployment }: World): void {
    const { time, swarm } = this.#options
    for (let i = 0; i < swarm.processes; i++) {
      const process = new SimulatedProcess({
        name: `p${i}`,
        time,
        swarm,
        deployment,
        definitions: () => this.#definitions,
        log: (line) => this.log(line),
        onDefect: (error) => this.#fail(error),
        onDeath: (incarnation) => this.auditor.died(incarnation),
        poll: (own, engine) => this.#poll(own, engine),
      })
      this.#processes.push(process)
      time.schedule(i * 10, () => process.start())
    }
  }

  #at(run: () => void): void {
    const { time, random, swarm } = this.#options
    time.schedule(random.next() * swarm.lengthMs, run)
  }

  #planCalls(): void {
    for (let i = 0; i < this.#options.swarm.calls; i++) this.#at(() => void this.#call().catch((error: unknown) => this.#fail(error)))
  }

  #planFaults(world: World): void {
    const { random } = this.#options
    const own: Readonly<Record<string, () => void>> = {
      crash: () => this.#crash(random.pick(this.#processes)),
      stop: () => random.pick(this.#processes).stop(),
      edit: () => this.#edit(),
      reset: () => this.#reset(),
    }
    for (const [kind, count] of Object.entries(this.#options.swarm.events)) {
      const run = own[kind] ?? world.faults[kind]
      if (run === undefined) continue
      for (let i = 0; i < count; i++) {
        this.#at(() => {
          this.log(kind)
          run()
        })
      }
    }
    // Whatever ends a process, it is started again.
    for (let i = 0; i < 40; i++) this.#at(() => this.#processes.forEach((process) => process.start()))
  }

  #crash(process: SimulatedProcess): void {
    process.crash()
  }

  #edit(): void {
    const { random } = this.#options
    const edited = random.pick(this.#definitions)
    const limit = Math.max(1, Math.round(edited.limit * (0.3 + random.next() * 1.5)))
    this.#definitions = this.#definitions.map((one) => (one.id === edited.id ? { ...one, limit } : one))
    this.auditor.defined(this.#definitions)
    this.#operate((engine) => engine.reconfigure(this.#definitions, { actor: 'simulation', reason: 'edit' }))
  }

  #reset(): void {
    const { id } = this.#options.random.pick(this.#definitions)
    this.#operate((engine) => engine.reset(id, { actor: 'simulation', reason: 'reset' }))
  }

  #operate(work: (engine: Engine) => Promise<unknown>): void {
    const serving = this.#processes.filter(({ isServing }) => isServing)
    const engine = serving.length === 0 ? undefined : this.#options.random.pick(serving).engine
    if (engine === undefined) return
    work(engine).catch((error: unknown) => {
      if (!(error instanceof Failure)) this.#fail(error)
    })
  }

  async #call(): Promise<void> {
    const { random } = this.#options
    const process = random.pick(this.#processes)
    const { engine } = process
    if (engine === undefined || !process.isServing) return
    const rough = drawBound(random)
    const isRefined = random.chance(0.3)
    const bound = isRefined ? { ...rough, input: Math.ceil(rough.input / 2) } : rough
    const attributes = random.pick(CALLERS)
    let outcome
    const { incarnation } = process
    process.admitting++
    try {
      const tighter = isRefined ? { refineInput: () => bound.input } : {}
      outcome = await engine.admit({ attributes, modelName: attributes.model, endpoint: 'simulated', bound: rough, ...tighter })
    } catch (error) {
      if (!(error instanceof Failure)) throw error
      this.auditor.unavailable++
      this.log(`${process.name} can not admit: ${error.message}`)
      return
    } finally {
      if (incarnation?.isAlive() === true) process.admitting--
    }
    if (outcome.kind === 'refused') {
      this.auditor.refused++
      this.log(`${process.name} refuses`)
      return
    }
    this.log(`${process.name} admits ${outcome.call.id} up to ${outcome.outputMax}`)
    process.inFlight.add(outcome.call.id)
    const isUncounted = outcome.standings.every(({ callsInFlight }) => callsInFlight === 0)
    this.auditor.admit(outcome, bound, { incarnation: process.incarnation?.name ?? '', isUncounted })
    this.#serve(process, engine, outcome, bound)
  }

  #serve(process: SimulatedProcess, engine: Engine, admitted: Admitted, bound: CallBound): void {
    const { random, swarm } = this.#options
    const { incarnation } = process
    const { call } = admitted
    const takesMs = random.next() * swarm.answerMs
    if (bound.outputExpected !== undefined) {
      incarnation?.clock.after(takesMs / 2, () => void this.#raise(engine, call.id, bound).catch((error: unknown) => this.#fail(error)))
    }
    const isDeferred = this.#deferrals.chance(swarm.deferred)
    const end = () => (isDeferred ? this.#defer(process, engine, call.id, bound) : this.#end(process, engine, call.id, bound))
    incarnation?.clock.after(takesMs, () => void end().catch((error: unknown) => this.#fail(error)))
  }

  /** Where it can't be, its hold expires, unless the store heard of it all the same. */
  async #defer(process: SimulatedProcess, engine: Engine, call: CallId, bound: CallBound): Promise<void> {
    const { time, swarm } = this.#options
    this.#jobs.set(call, { produced: this.#drawProduced(call, bound), endsAt: time.now + this.#deferrals.next() * swarm.answerMs })
    try {
      await engine.defer(call, `job of ${call}`)
      this.log(`${call} is left to its provider`)
      this.auditor.defer(call)
    } catch (error) {
      if (!(error instanceof Failure)) throw error
      this.log(`${call} can not be left to its provider: ${error.message}`)
      this.auditor.cutOff(call)
    }
    process.inFlight.delete(call)
  }

  /** All processes do, and more than one may find that a job has ended. */
  async #poll(process: SimulatedProcess, engine: Engine): Promise<void> {
    if (this.#options.swarm.deferred === 0) return
    for (const { call } of await engine.deferred()) {
      this.auditor.seen(call.id)
      const job = this.#jobs.get(call.id)
      if (job !== undefined && job.endsAt <= this.#options.time.now) await this.#settle(process, engine, call.id, job.produced)
    }
  }

  async #raise(engine: Engine, call: CallId, bound: CallBound): Promise<void> {
    try {
      const outputMax = await engine.raise(call, bound.outputMax)
      this.log(`${call} is raised to ${outputMax}`)
      this.auditor.raised(call, outputMax * bound.choices)
    } catch (error) {
      if (!(error instanceof Failure)) throw error
    }
  }

  async #end(process: SimulatedProcess, engine: Engine, call: CallId, bound: CallBound): Promise<void> {
    const isTold = await this.#settle(process, engine, call, this.#drawProduced(call, bound))
    if (!isTold) this.auditor.cutOff(call)
    process.inFlight.delete(call)
  }

  #drawProduced(call: CallId, bound: CallBound): Produced {
    const { random } = this.#options
    const allowed = this.auditor.allowedOutput(call)
    const isNothing = random.chance(0.1)
    // A provider that does not keep to the maximum is rare.
    const share = random.chance(0.03) ? 1.2 : random.next()
    return isNothing ? NOTHING : { input: bound.input, output: Math.floor(allowed * share) }
  }

  /** @returns false where the process can't say whether that is counted */
  async #settle(process: SimulatedProcess, engine: Engine, call: CallId, produced: Produced): Promise<boolean> {
    this.auditor.produce(call, produced)
    const isNothing = produced === NOTHING
    const usage = isNothing ? ({ kind: 'none' } as const) : ({ kind: 'reported', counts: tokenCounts(produced) } as const)
    const request = { call, endedAt: process.parts?.clock.now() ?? 0, ending: isNothing ? 'provider_error' : 'done', usage } as const
    const repeats = this.#options.random.chance(0.1)
    try {
      const told = await engine.settle(request)
      this.log(`${call} ended: ${told === undefined ? 'elsewhere' : told.charges.map(({ amount }) => amount).join()}`)
      this.auditor.deliver(call, told, process.parts?.journal.trouble() !== undefined)
      if (repeats && (await engine.settle(request)) !== undefined) throw new Violation(`${call} ends twice`)
      return true
    } catch (error) {
      if (!(error instanceof Failure)) throw error
      this.log(`${call} can not end: ${error.message}`)
      return false
    }
  }

  /** A period may end at this very moment: what does not fit is looked at again, unless it stands still. */
  async #finish(world: World): Promise<void> {
    let seen = ''
    for (;;) {
      const parts = this.#processes[0]?.parts
      if (parts === undefined) throw new Violation('no process is up after everything has healed')
      const standings = await this.#standings(parts.counters)
      try {
        this.auditor.finish(world.ledger(), standings, parts.clock.now() - TICKS_MS)
        return this.note(facts(standings))
      } catch (error) {
        if (facts(standings) === seen) throw error
        seen = facts(standings)
      }
      await this.#pass(2000)
    }
  }

  async #standings(counters: Counters): Promise<readonly Standing[]> {
    const answer: { standings?: readonly Standing[] } = {}
    const ask = async () => {
      answer.standings = (await counters.standings()).map((standing) => ({ ...standing }))
    }
    ask().catch((error: unknown) => this.#fail(error))
    await settled()
    for (let waitedMs = 0; answer.standings === undefined && waitedMs < 5000; waitedMs += 100) await this.#pass(100)
    if (answer.standings === undefined) throw new Violation('the counters do not answer after everything has healed')
    return answer.standings
  }
}

function facts(standings: readonly Standing[]): string {
  return standings.map(({ key, used, held }) => `${key}=${used},${held}`).join(' ')
}

/** A period that ended just now is closed by the next tick. */
const TICKS_MS = 5000

function drawBound(random: Random): CallBound {
  const outputMax = random.between(0, 400)
  const outputMin = random.chance(0.5) ? outputMax : random.between(0, Math.min(outputMax, 40))
  const expected = random.chance(0.3) ? { outputExpected: random.between(outputMin, outputMax) } : {}
  return { input: random.between(1, 200), outputMax, outputMin, choices: random.chance(0.1) ? 2 : 1, ...expected }
}

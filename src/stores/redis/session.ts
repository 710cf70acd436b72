import { Failure } from '../../engine/failure.ts'
import type { Clock } from '../../engine/ports.ts'
import type { KeyNames } from './key-names.ts'
import { type RedisClient, type RedisReply, type RedisScript, toDoubles } from './redis-client.ts'
import { SCRIPTS } from './script.ts'

/** A script's reply: what came of it, the number of the step, and more. */
export type StepReply = readonly [kind: string, step: number, ...rest: RedisReply[]]

export interface SessionDeps {
  readonly client: RedisClient
  readonly names: KeyNames
  readonly clock: Clock
  /** This process, of all that were ever started. */
  readonly node: string
  /** Makes the store whole again, or waits for whoever does. */
  readonly rejoin: (known: Known) => Promise<StoreIdentity>
  /** Whether the store that is there has all that this process knows it to have counted. */
  readonly isIntact: (known: Known) => Promise<boolean>
  /** Lets hard caps admit again once all processes had the time to put back what they have. */
  readonly reopen: () => Promise<void>
  /** Puts back what this process has and a store that was made anew does not. */
  readonly putBack: () => Promise<void>
  readonly onTrouble: (message: string) => void
}

/** What a script is given beside its keys; numbers are exact up to 2^53. */
export interface StepArguments {
  readonly numbers?: readonly number[]
  readonly texts?: readonly string[]
  /** The version of the budgets that it is asked by; absent: of those that this process read last. */
  readonly version?: number
}

/** Which store it is. */
export interface StoreIdentity {
  readonly epoch: string
  /** Of its server. */
  readonly run: string
}

/** What a process knows of the store that it worked with. */
export interface Known {
  /** Undefined at the start. */
  readonly epoch: string | undefined
  /** The last of its own steps that was answered. */
  readonly step: number
}

/** So long after the store was away the other processes may still have to say what became of their calls meanwhile. */
const SETTLING_MS = 3000
const RETRY_MIN_MS = 50
const RETRY_MAX_MS = 1000
/** As JOIN in guard.lua. */
const GAP = 1_000_000

/**
 * This process's standing with the counter store. Once a request fails, or the store is not the one that it was, nothing more
 * is asked of it until it was looked at: calls fail at once, and do not queue up behind a store that is slow or gone.
 */
export class Session {
  readonly #deps: SessionDeps
  #epoch: string | undefined
  #run = ''
  #known: Known = { epoch: undefined, step: 0 }
  #away: Failure = new Failure('store_unavailable', 'the counters are not there yet: Bursar is starting')
  /** The step that it left a gap before when it joined last, or tried to. */
  #goesOnAt = 0
  #retryMs = RETRY_MIN_MS
  #isJoining = false
  #isClosed = false
  /** The store was made anew, and does not have yet what this process has. */
  #mustPutBack = false
  #isSettled = true
  #cancelSettling: () => void = () => undefined
  readonly #nodeKey: string
  /** Of the budgets that this process read last; what a step takes for the newest unless it is told another. */
  version = 0

  constructor(deps: SessionDeps) {
    this.#deps = deps
    this.#nodeKey = deps.names.node(deps.node)
  }

  get node(): string {
    return this.#deps.node
  }

  /** The first time. @throws Failure store_unavailable */
  async start(): Promise<void> {
    await this.#join()
  }

  close(): void {
    this.#isClosed = true
    this.#leave(new Failure('store_unavailable', 'the counters are closed: Bursar is shutting down'))
  }

  /** Of the store that it works with; undefined while it is away. */
  get epoch(): string | undefined {
    return this.#epoch
  }

  /** Looks whether it still is the server that it was: another one may have lost what no step of this process tells. @throws Failure store_unavailable */
  async verify(): Promise<void> {
    const epoch = this.#epoch
    if (epoch === undefined) throw this.#away
    let isIntact: boolean
    try {
      isIntact = await this.#deps.isIntact(this.#known)
    } catch (error) {
      throw this.#leave(asFailure(error), epoch)
    }
    if (!isIntact) throw this.#leave(lost('epoch'), epoch)
  }

  /** False while the store is away, and for some seconds after: what others have to say of their calls may not be there yet. */
  isSettled(): boolean {
    return this.#isSettled
  }

  /** What keeps it from the store; undefined: nothing. */
  trouble(): string | undefined {
    return this.#epoch === undefined ? this.#away.message : undefined
  }

  /**
   * Runs a transition.
   * @throws Failure store_unavailable: whether it was done is unknown, unless the store was away before
   */
  async step(script: RedisScript, keys: readonly string[], args: StepArguments): Promise<StepReply> {
    const epoch = this.#epoch
    if (epoch === undefined) throw this.#away
    return await this.#stepIn(epoch, script, keys, args)
  }

  async #stepIn(
    epoch: string,
    script: RedisScript,
    keys: readonly string[],
    { numbers = [], texts = [], version }: StepArguments,
  ): Promise<StepReply> {
    const { client, names } = this.#deps
    const expected = `${epoch} ${version ?? this.version} open`
    const rest = [toDoubles([this.#known.step, ...numbers]), ...texts]
    let reply: RedisReply
    try {
      const stepKeys = [names.meta, this.#nodeKey, ...keys]
      reply = await client.run(script, stepKeys, [expected, ...rest], [`${expected} ${this.#run}`, ...rest])
    } catch (error) {
      throw this.#leave(asFailure(error), epoch)
    }
    if (!isStepReply(reply)) throw this.#leave(lost(reply), epoch)
    // An answer that comes after the store was made anew says nothing about the new one.
    if (this.#known.epoch === epoch && reply[1] > this.#known.step) this.#known = { epoch, step: reply[1] }
    return reply
  }

  /** A question that changes nothing. @throws Failure store_unavailable */
  async ask(command: string, ...args: readonly (string | number)[]): Promise<RedisReply> {
    const epoch = this.#epoch
    if (epoch === undefined) throw this.#away
    try {
      return await this.#deps.client.call(command, ...args)
    } catch (error) {
      throw this.#leave(asFailure(error), epoch)
    }
  }

  /** See {@link SessionDeps}. */
  reopen(): Promise<void> {
    return this.#deps.reopen()
  }

  /** As {@link ask}, by a script that changes nothing. */
  async query(script: RedisScript, keys: readonly string[]): Promise<readonly RedisReply[]> {
    const epoch = this.#epoch
    if (epoch === undefined) throw this.#away
    try {
      const reply = await this.#deps.client.run(script, keys, [])
      return Array.isArray(reply) ? reply : []
    } catch (error) {
      throw this.#leave(asFailure(error), epoch)
    }
  }

  #leave(failure: Failure, epoch: string | undefined = this.#epoch): Failure {
    // An answer that was late: the store was looked at since.
    if (epoch !== this.#epoch) return failure
    if (this.#epoch !== undefined && !this.#isClosed) this.#deps.onTrouble(failure.message)
    this.#epoch = undefined
    this.#isSettled = false
    this.#cancelSettling()
    this.#away = failure
    this.#retryLater()
    return failure
  }

  #retryLater(): void {
    if (this.#isClosed || this.#isJoining) return
    this.#isJoining = true
    this.#deps.clock.after(this.#retryMs, () => void this.#retry())
    this.#retryMs = Math.min(this.#retryMs * 2, RETRY_MAX_MS)
  }

  async #retry(): Promise<void> {
    try {
      if (!this.#isClosed) await this.#join()
      this.#isJoining = false
    } catch (error) {
      this.#away = asFailure(error)
      this.#isJoining = false
      this.#retryLater()
    }
  }

  async #join(): Promise<void> {
    const before = this.#known.epoch
    this.#goesOnAt = Math.max(this.#goesOnAt, this.#known.step) + GAP
    const { epoch, run } = await this.#deps.rejoin(this.#known)
    this.#run = run
    if (epoch !== before) this.#known = { epoch, step: 0 }
    this.#mustPutBack ||= before !== undefined && epoch !== before
    await this.#stepIn(epoch, SCRIPTS.join, [], { numbers: [this.#goesOnAt] })
    this.#epoch = epoch
    this.#cancelSettling()
    if (!this.#isSettled) this.#cancelSettling = this.#deps.clock.after(SETTLING_MS, () => (this.#isSettled = true))
    if (this.#mustPutBack) await this.#deps.putBack()
    // It was left meanwhile, and whoever noticed kept it to himself.
    if (this.#epoch !== epoch) throw this.#away
    this.#mustPutBack = false
    this.#retryMs = RETRY_MIN_MS
  }
}

function isStepReply(reply: RedisReply): reply is StepReply {
  return Array.isArray(reply) && typeof reply[0] === 'string' && typeof reply[1] === 'number'
}

function lost(reply: RedisReply): Failure {
  const [kind] = Array.isArray(reply) ? reply : [reply]
  if (kind === 'late') return new Failure('store_unavailable', 'a request came to the counter store after this process had come back to it')
  const what = kind === 'behind' ? 'has lost its last changes' : 'is not the one that it was: it came back empty, or was made anew'
  return new Failure('store_unavailable', `the counter store ${what}; the counters are made again from the ledger`)
}

function asFailure(error: unknown): Failure {
  return error instanceof Failure ? error : new Failure('store_unavailable', 'the counter store failed unexpectedly', error)
}

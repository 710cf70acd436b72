import type { Distrust } from '../domain/record.ts'
import type { Clock, Ids, Journal, Ledger } from './ports.ts'
import type { Change } from './reconfigure.ts'

/** Callers may invent names of models, so a provider with more distrusted models is distrusted as a whole. */
export const DISTRUSTS_MAX = 1000

/** Stands for all models of a provider. */
const ALL_MODELS = '*'

/** So often a process looks for what others found out. */
const REFRESH_MS = 5000

export interface DistrustDeps {
  readonly journal: Journal
  readonly ledger: Pick<Ledger, 'distrusts'>
  readonly clock: Clock
  readonly ids: Ids
}

/**
 * The models that produced more than the maximum that they were told. Their calls hold all that they may come to: no maximum
 * bounds them. Kept in the ledger, until somebody trusts them again.
 */
export class Distrusts {
  readonly #deps: DistrustDeps
  /** By provider and model. */
  #known: ReadonlyMap<string, Distrust> = new Map()
  /** Changes of this process, by which a reading that began before is recognised as old. */
  #changes = 0
  #readAt = 0

  constructor(deps: DistrustDeps) {
    this.#deps = deps
  }

  /** The most output that a choice of that model had beyond its maximum; undefined where it keeps to what it is told. */
  outputOf(provider: string, model: string): number | undefined {
    if (this.#known.size === 0) return undefined
    return (this.#known.get(keyOf(provider, model)) ?? this.#known.get(keyOf(provider, ALL_MODELS)))?.output
  }

  /** Those that are in force. */
  all(): readonly Distrust[] {
    return [...this.#known.values()]
  }

  /** A choice had more output than it was told; in force at once, and durable when it resolves. */
  async exceeded(provider: string, model: string, output: number): Promise<void> {
    if (output <= (this.outputOf(provider, model) ?? 0)) return
    const isRoom = this.#known.size < DISTRUSTS_MAX || this.#known.has(keyOf(provider, model))
    await this.#put({ provider, model: isRoom ? model : ALL_MODELS, output, at: this.#deps.clock.now(), isLifted: false })
  }

  /** Trusts a model again, audited. False where it is not distrusted. */
  async trust(provider: string, model: string, change: Change): Promise<boolean> {
    const known = this.#known.get(keyOf(provider, model))
    if (known === undefined) return false
    const at = this.#deps.clock.now()
    const lifted = { ...known, at, isLifted: true }
    await this.#put(lifted)
    const target = `${provider}/${model}`
    const texts = { before: JSON.stringify(known), after: JSON.stringify(lifted) }
    const entry = { id: this.#deps.ids.callId(), at, ...change, action: 'model.trust', target, ...texts }
    await this.#deps.journal.append([{ kind: 'audit', entry }])
    return true
  }

  /** Takes over what the ledger has. @throws Failure store_unavailable */
  async read(): Promise<void> {
    const before = this.#changes
    const rows = await this.#deps.ledger.distrusts()
    if (this.#changes !== before) return
    this.#known = new Map(rows.filter(({ isLifted }) => !isLifted).map((row) => [keyOf(row.provider, row.model), row]))
    this.#readAt = this.#deps.clock.now()
  }

  /** Reads it again now and then, where other processes write it too. */
  async tick(): Promise<void> {
    if (Math.abs(this.#deps.clock.now() - this.#readAt) >= REFRESH_MS) await this.read()
  }

  async #put(distrust: Distrust): Promise<void> {
    this.#changes++
    const known = new Map(this.#known)
    if (distrust.isLifted) known.delete(keyOf(distrust.provider, distrust.model))
    else known.set(keyOf(distrust.provider, distrust.model), distrust)
    this.#known = known
    await this.#deps.journal.append([{ kind: 'distrust', distrust }])
    // What was read meanwhile may lack it.
    this.#changes++
  }
}

function keyOf(provider: string, model: string): string {
  return `${provider}\n${model}`
}

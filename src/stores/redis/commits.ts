import type { Amount } from '../../domain/amount.ts'
import type { Budget } from '../../domain/budgets/budget.ts'
import { Failure } from '../../engine/failure.ts'
import { leastAlerting, sharesOf } from './account-row.ts'
import { type EndedHold, toCallsText } from './calls-text.ts'
import type { RedisCatalog } from './catalog.ts'
import type { Crossings } from './crossings.ts'
import type { KeyNames } from './key-names.ts'
import type { LeasedHold, Leases } from './leases.ts'
import type { Recount } from './recount.ts'
import { SCRIPTS } from './script.ts'
import type { Session } from './session.ts'
import type { Slice } from './slice.ts'
import { countedOf, type Unconfirmed } from './unconfirmed.ts'

export interface CommitsDeps {
  readonly session: Session
  readonly names: KeyNames
  readonly catalog: RedisCatalog
  readonly crossings: Crossings
  readonly leases: Leases
  readonly recount: Recount
  readonly unconfirmed: Unconfirmed
  /** Runs that at the end of this turn of the event loop. */
  readonly atTurnEnd: (run: () => void) => void
}

/** A call that was admitted from slices and has ended; it does not hold anything of them any more. */
export interface LeasedEnd extends EndedHold {
  readonly leased: LeasedHold
}

/** What calls used of a slice, and how much of it went beyond their holds. */
interface Sum {
  used: Amount
  beyond: Amount
}

/** One entry of the stream. */
interface Batch {
  readonly ends: LeasedEnd[]
  readonly sums: Map<Slice, Sum>
  readonly written: PromiseWithResolvers<void>
}

/** Their sums are one, so only the size of their records bounds how many. */
const CALLS_MAX = 1000

/**
 * Tells the store of calls that were admitted from slices and have ended: those of a turn of the event loop, or that ended while
 * others were on their way, as one entry of the stream and one sum for each account. The more calls end, the less each of them costs.
 */
export class Commits {
  readonly #deps: CommitsDeps
  #batches: Batch[] = []
  #isUnderWay = false

  constructor(deps: CommitsDeps) {
    this.#deps = deps
  }

  /** Resolves once the store has it, or it is kept to be counted later. */
  end(end: LeasedEnd): Promise<void> {
    if (end.leased.node !== this.#deps.leases.node) return this.#countLater(end)
    const batch = this.#openBatch()
    batch.ends.push(end)
    const { leased, settlement } = end
    for (let i = 0; i < leased.claims.length; i++) {
      const slice = leased.claims[i]?.slice
      const used = settlement.amounts[i] ?? 0
      if (slice !== undefined) add(batch.sums, slice, { used, beyond: Math.max(0, used - (leased.amounts[i] ?? 0)) })
    }
    this.#start()
    return batch.written.promise
  }

  #openBatch(): Batch {
    const last = this.#batches.at(-1)
    if (last !== undefined && last.ends.length < CALLS_MAX) return last
    const batch: Batch = { ends: [], sums: new Map(), written: Promise.withResolvers() }
    this.#batches.push(batch)
    return batch
  }

  #start(): void {
    if (this.#isUnderWay || this.#batches.length === 0) return
    this.#isUnderWay = true
    this.#deps.atTurnEnd(() => void this.#writeAll())
  }

  async #writeAll(): Promise<void> {
    await this.#deps.leases.inTurn(() => {
      const batches = this.#batches
      this.#batches = []
      return Promise.all(batches.map((batch) => this.#write(batch)))
    })
    this.#isUnderWay = false
    this.#start()
  }

  async #write(batch: Batch): Promise<void> {
    const { ends, sums, written } = batch
    try {
      for (const [slice, { used }] of sums) slice.send(used)
      if (!(await this.#commit(batch))) {
        for (const [slice, { used }] of sums) slice.send(-used)
        await Promise.all(ends.map((end) => this.#countLater(end)))
      }
      written.resolve()
    } catch (error) {
      written.reject(error)
    }
  }

  /** False where the store did not take it, or whether it did is not known. */
  async #commit({ ends, sums }: Batch): Promise<boolean> {
    const { session, names, catalog, crossings, leases, unconfirmed } = this.#deps
    const node = ends[0]?.leased.node ?? ''
    if (node !== leases.node) return false
    const keys = [names.leases, names.stream, names.faces, names.lapsed]
    const numbers: number[] = []
    const text = toCallsText(ends)
    const texts = [node, text]
    for (const [{ ref }, { used, beyond }] of sums) {
      const budget = budgetNow(catalog.known(ref.budget.id), ref.budget)
      keys.push(names.account(ref.key))
      numbers.push(used, beyond, budget.limit, leastAlerting(budget))
      texts.push(sharesOf(budget))
    }
    try {
      const [kind, , isOutdated, id] = await session.step(SCRIPTS.commit, keys, { numbers, texts })
      if (kind === 'lapsed') leases.lapse(node)
      if (kind !== 'committed') return false
      if (isOutdated === 1) crossings.judgeLater([...sums.keys()].map(({ ref }) => ref.key))
      unconfirmed.add(String(id), { kind: 'calls', text, count: ends.length })
      return true
    } catch (error) {
      if (error instanceof Failure && error.code === 'store_unavailable') return false
      throw error
    }
  }

  /** Until it is counted it stays in its slices. */
  #countLater(end: LeasedEnd): Promise<void> {
    const { recount, leases } = this.#deps
    return recount.later({ ...countedOf(end), slicesOf: end.leased.node }, () => leases.send(end.leased, end.settlement.amounts))
  }
}

function add(sums: Map<Slice, Sum>, slice: Slice, { used, beyond }: Sum): void {
  const sum = sums.get(slice)
  if (sum === undefined) {
    sums.set(slice, { used, beyond })
    return
  }
  sum.used += used
  sum.beyond += beyond
}

/** As it is now, or as it was where it counts in another unit now. */
export function budgetNow(known: Budget | undefined, before: Budget): Budget {
  return known?.unit === before.unit ? known : before
}

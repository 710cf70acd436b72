import type { Budget } from '../../domain/budget.ts'
import type { Hold, Settlement } from '../../domain/call.ts'
import { packEnded } from '../ledger/packed-record.ts'
import { sharesOf } from './account-row.ts'
import type { Crossings } from './crossings.ts'
import { headOf, type StoredHold, toStored } from './hold-text.ts'
import type { LeasedHold, Leases } from './leases.ts'
import type { KeyNames } from './key-names.ts'
import type { RedisReply } from './redis-client.ts'
import { SCRIPTS } from './script.ts'
import type { Session } from './session.ts'
import { Places, TurnBatch } from './turn-batch.ts'

export interface SettlementsDeps {
  readonly session: Session
  readonly names: KeyNames
  readonly crossings: Crossings
  readonly leases: Leases
  /** See {@link TurnBatch}. */
  readonly atTurnEnd: (run: () => void) => void
}

/** A call that is to be ended: its hold, how it is stored, and what it is charged. */
export interface Ending {
  readonly hold: Hold
  readonly stored: StoredHold
  /** Those of its accounts, in their order. */
  readonly budgets: readonly Budget[]
  readonly settlement: Settlement
  /** False for a call that this process itself relayed to its end. */
  readonly mayHaveJob: boolean
  /** What it holds of this process's slices; absent: its hold stands in the store. */
  readonly leased?: LeasedHold | undefined
}

/**
 * What came of it: `ended`, with the id of its record in the stream; `unknown`, it had ended; `changed`, the hold is another
 * than was said; `unopened`, one of its accounts is not there.
 */
export type Ended = { readonly kind: 'ended'; readonly id: string } | { readonly kind: 'unknown' | 'changed' | 'unopened' }

const CALLS_MAX = 50

/** Ends calls in the store, each once, and sees to the alerts of what they crossed. */
export class Settlements {
  readonly #deps: SettlementsDeps
  readonly #batch: TurnBatch<Ending, Ended>
  readonly #leased: TurnBatch<Ending, Ended>

  constructor(deps: SettlementsDeps) {
    this.#deps = deps
    const { atTurnEnd } = deps
    this.#batch = new TurnBatch({ send: (endings) => this.#settle(endings), atTurnEnd, countMax: CALLS_MAX })
    this.#leased = new TurnBatch({ send: (endings) => this.#commit(endings), atTurnEnd, countMax: CALLS_MAX })
  }

  /** @throws Failure store_unavailable: whether it was done is unknown */
  end(ending: Ending): Promise<Ended> {
    return (ending.leased === undefined ? this.#batch : this.#leased).ask(ending)
  }

  async #settle(endings: readonly Ending[]): Promise<readonly Ended[]> {
    const { session, names } = this.#deps
    const places = new Places()
    const numbers: number[] = []
    const texts: string[] = []
    for (const ending of endings) this.#add(ending, { places, numbers, texts })
    const keys = [names.holds, names.stream, names.faces, names.jobs, ...places.names()]
    const [, , isOutdated, ...replies] = await session.step(SCRIPTS.settle, keys, { numbers, texts })
    if (isOutdated === 1) this.#judgeLater(endings)
    return replies.map(toEnded)
  }

  /** Calls that were admitted from slices: their holds and their ends go into the stream together. */
  async #commit(endings: readonly Ending[]): Promise<readonly Ended[]> {
    const { session, names, leases } = this.#deps
    const places = new Places()
    const numbers: number[] = []
    const texts: string[] = [session.node]
    for (const ending of endings) this.#addLeased(ending, { places, numbers, texts })
    const keys = [names.leases, names.stream, names.faces, ...places.names()]
    for (const { leased, settlement } of endings) if (leased !== undefined) leases.send(leased, settlement.amounts)
    const [kind, , isOutdated, ...ids] = await session.step(SCRIPTS.commit, keys, { numbers, texts })
    if (kind !== 'committed') return endings.map(() => ({ kind: 'unopened' }))
    if (isOutdated === 1) this.#judgeLater(endings)
    return ids.map((id) => ({ kind: 'ended', id: String(id) }))
  }

  #judgeLater(endings: readonly Ending[]): void {
    this.#deps.crossings.judgeLater(endings.flatMap(({ hold }) => hold.charges.map(({ account }) => account)))
  }

  #add({ hold, stored, budgets, settlement, mayHaveJob }: Ending, to: Arguments): void {
    to.numbers.push(hold.charges.length, mayHaveJob ? 1 : 0)
    const shares = this.#addAmounts({ hold, stored, budgets, settlement }, to)
    to.texts.push(settlement.call, headOf(stored), packEnded({ kind: 'ended', settlement, alerts: [] }), shares)
  }

  #addLeased({ hold, stored, budgets, settlement }: Ending, to: Arguments): void {
    to.numbers.push(hold.charges.length)
    const shares = this.#addAmounts({ hold, stored, budgets, settlement }, to)
    to.texts.push(toStored(stored, hold.expiresAt), packEnded({ kind: 'ended', settlement, alerts: [] }), shares)
  }

  /** Of each account: its place, held, used, limit, the least amount that alerts. @returns the shares that alert, of all of them */
  #addAmounts(
    { hold, stored, budgets, settlement }: Pick<Ending, 'hold' | 'stored' | 'budgets' | 'settlement'>,
    { places, numbers }: Pick<Arguments, 'places' | 'numbers'>,
  ): string {
    let shares = ''
    for (let i = 0; i < hold.charges.length; i++) {
      const charge = hold.charges[i]
      const budget = budgets[i]
      if (charge === undefined || budget === undefined) continue
      const place = places.of(this.#deps.names.account(charge.account))
      numbers.push(place, stored.amounts[i] ?? 0, settlement.amounts[i] ?? 0, budget.limit, leastAlerting(budget))
      shares += `${i === 0 ? '' : ';'}${sharesOf(budget)}`
    }
    return shares
  }
}

/** What a script is given, as it is put together. */
interface Arguments {
  readonly places: Places
  readonly numbers: number[]
  readonly texts: string[]
}

/** No less of `used` alerts; what was granted only raises it. */
function leastAlerting({ alertAt: [lowest = 1], limit }: Budget): number {
  return Math.max(1, Math.floor(lowest * limit))
}

function toEnded(reply: RedisReply): Ended {
  const [kind, id]: readonly RedisReply[] = Array.isArray(reply) ? reply : []
  if (kind === 'ended') return { kind, id: String(id) }
  return { kind: kind === 'changed' || kind === 'unopened' ? kind : 'unknown' }
}

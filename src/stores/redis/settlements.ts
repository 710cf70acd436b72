import type { Amount } from '../../domain/amount.ts'
import type { Budget } from '../../domain/budget.ts'
import type { Hold, Settlement } from '../../domain/call.ts'
import type { AccountKey } from '../../domain/ids.ts'
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
  /** Whether its hold might be put back by a process that does not know of its end; false for a call that this process relayed to its end. */
  readonly isRemembered: boolean
  /** What it holds of this process's slices; absent: its hold stands in the store. */
  readonly leased?: LeasedHold | undefined
}

/**
 * What came of it: `ended`, with the id of its record in the stream; `unknown`, it had ended; `changed`, the hold is another
 * than was said; `unopened`, one of its accounts is not there.
 */
export type Ended = { readonly kind: 'ended'; readonly id: string } | { readonly kind: 'unknown' | 'changed' | 'unopened' }

const CALLS_MAX = 50
/** Their sums are one, so only the size of their records bounds how many. */
const LEASED_CALLS_MAX = 500

/** Ends calls in the store, each once, and sees to the alerts of what they crossed. */
export class Settlements {
  readonly #deps: SettlementsDeps
  readonly #batch: TurnBatch<Ending, Ended>
  readonly #leased: TurnBatch<Ending, Ended>

  constructor(deps: SettlementsDeps) {
    this.#deps = deps
    const { atTurnEnd } = deps
    this.#batch = new TurnBatch({ send: (endings) => this.#settle(endings), atTurnEnd, countMax: CALLS_MAX })
    this.#leased = new TurnBatch({ send: (endings) => this.#commit(endings), atTurnEnd, countMax: LEASED_CALLS_MAX })
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
    const keys = [names.holds, names.stream, names.faces, names.jobs, names.charged, ...places.names()]
    const [, , isOutdated, ...replies] = await session.step(SCRIPTS.settle, keys, { numbers, texts })
    if (isOutdated === 1) this.#judgeLater(endings)
    return replies.map(toEnded)
  }

  /** Calls that were admitted from slices: their holds and their ends go into the stream as one entry, and their sums as one. */
  async #commit(endings: readonly Ending[]): Promise<readonly Ended[]> {
    const { session, names } = this.#deps
    const sums = new Map<string, AccountSum>()
    const records: string[] = []
    for (const { hold, stored, budgets, settlement } of endings) {
      records.push(toStored(stored, hold.expiresAt), packEnded({ kind: 'ended', settlement, alerts: [] }))
      for (const [i, { account }] of hold.charges.entries())
        addTo(sums, { account, budget: budgets[i], held: stored.amounts[i], used: settlement.amounts[i] })
    }
    const rows = [...sums.values()]
    const keys = [names.leases, names.stream, names.faces, ...rows.map(({ account }) => names.account(account))]
    const numbers = rows.flatMap(({ used, beyond, budget }) => [used, beyond, budget.limit, leastAlerting(budget)])
    const texts = [session.node, records.join('\n'), ...rows.map(({ budget }) => sharesOf(budget))]
    const { kind, isOutdated, id } = await this.#onItsWay(endings, async () => {
      const [kind, , isOutdated, id] = await session.step(SCRIPTS.commit, keys, { numbers, texts })
      return { kind, isOutdated, id }
    })
    if (kind !== 'committed') return endings.map(() => ({ kind: 'unopened' }))
    if (isOutdated === 1) this.#judgeLater(endings)
    return endings.map(() => ({ kind: 'ended', id: String(id) }))
  }

  /** What they used is on its way to the store; where it does not arrive, it stays in the slices until it is counted otherwise. */
  async #onItsWay<T extends { readonly kind: string }>(endings: readonly Ending[], send: () => Promise<T>): Promise<T> {
    const { leases } = this.#deps
    const all = (move: (leased: LeasedHold, used: readonly Amount[]) => void) => {
      for (const { leased, settlement } of endings) if (leased !== undefined) move(leased, settlement.amounts)
    }
    all((leased, used) => leases.send(leased, used))
    try {
      const reply = await send()
      if (reply.kind !== 'committed') all((leased, used) => leases.unsend(leased, used))
      return reply
    } catch (error) {
      all((leased, used) => leases.unsend(leased, used))
      throw error
    }
  }

  #judgeLater(endings: readonly Ending[]): void {
    this.#deps.crossings.judgeLater(endings.flatMap(({ hold }) => hold.charges.map(({ account }) => account)))
  }

  #add({ hold, stored, budgets, settlement, isRemembered }: Ending, { places, numbers, texts }: Arguments): void {
    numbers.push(hold.charges.length, isRemembered ? 1 : 0)
    let shares = ''
    for (let i = 0; i < hold.charges.length; i++) {
      const charge = hold.charges[i]
      const budget = budgets[i]
      if (charge === undefined || budget === undefined) continue
      const place = places.of(this.#deps.names.account(charge.account))
      numbers.push(place, stored.amounts[i] ?? 0, settlement.amounts[i] ?? 0, budget.limit, leastAlerting(budget))
      shares += `${i === 0 ? '' : ';'}${sharesOf(budget)}`
    }
    texts.push(settlement.call, headOf(stored), packEnded({ kind: 'ended', settlement, alerts: [] }), shares)
  }
}

/** What a script is given, as it is put together. */
interface Arguments {
  readonly places: Places
  readonly numbers: number[]
  readonly texts: string[]
}

/** What the calls of a turn add to an account. */
interface AccountSum {
  readonly account: AccountKey
  readonly budget: Budget
  used: Amount
  beyond: Amount
}

function addTo(
  sums: Map<string, AccountSum>,
  {
    account,
    budget,
    held = 0,
    used = 0,
  }: { account: AccountKey; budget: Budget | undefined; held: Amount | undefined; used: Amount | undefined },
): void {
  if (budget === undefined) return
  const sum = sums.get(account) ?? { account, budget, used: 0, beyond: 0 }
  sum.used += used
  sum.beyond += Math.max(0, used - held)
  sums.set(account, sum)
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

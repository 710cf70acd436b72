import type { Budget } from '../../domain/budget.ts'
import type { Hold, Settlement } from '../../domain/call.ts'
import { packEnded } from '../ledger/packed-record.ts'
import { sharesOf } from './account-row.ts'
import type { Crossings } from './crossings.ts'
import { headOf, type StoredHold } from './hold-text.ts'
import type { KeyNames } from './key-names.ts'
import type { RedisReply } from './redis-client.ts'
import { SCRIPTS } from './script.ts'
import type { Session } from './session.ts'
import { Places, TurnBatch } from './turn-batch.ts'

export interface SettlementsDeps {
  readonly session: Session
  readonly names: KeyNames
  readonly crossings: Crossings
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

  constructor(deps: SettlementsDeps) {
    this.#deps = deps
    this.#batch = new TurnBatch({ send: (endings) => this.#send(endings), atTurnEnd: deps.atTurnEnd, countMax: CALLS_MAX })
  }

  /** @throws Failure store_unavailable: whether it was done is unknown */
  end(ending: Ending): Promise<Ended> {
    return this.#batch.ask(ending)
  }

  async #send(endings: readonly Ending[]): Promise<readonly Ended[]> {
    const { session, names, crossings } = this.#deps
    const places = new Places()
    const numbers: number[] = []
    const texts: string[] = []
    for (const ending of endings) this.#add(ending, { places, numbers, texts })
    const keys = [names.holds, names.stream, names.faces, names.jobs, ...places.names()]
    const [, , isOutdated, ...replies] = await session.step(SCRIPTS.settle, keys, { numbers, texts })
    if (isOutdated === 1) crossings.judgeLater(endings.flatMap(({ hold }) => hold.charges.map(({ account }) => account)))
    return replies.map(toEnded)
  }

  #add(
    { hold, stored, budgets, settlement, mayHaveJob }: Ending,
    { places, numbers, texts }: { readonly places: Places; readonly numbers: number[]; readonly texts: string[] },
  ): void {
    const { call, amounts } = settlement
    numbers.push(hold.charges.length, mayHaveJob ? 1 : 0)
    let shares = ''
    for (let i = 0; i < hold.charges.length; i++) {
      const charge = hold.charges[i]
      const budget = budgets[i]
      if (charge === undefined || budget === undefined) continue
      const place = places.of(this.#deps.names.account(charge.account))
      numbers.push(place, stored.amounts[i] ?? 0, amounts[i] ?? 0, budget.limit, leastAlerting(budget))
      shares += `${i === 0 ? '' : ';'}${sharesOf(budget)}`
    }
    texts.push(call, headOf(stored), packEnded({ kind: 'ended', settlement, alerts: [] }), shares)
  }
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

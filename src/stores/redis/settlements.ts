import type { Budget } from '../../domain/budgets/budget.ts'
import type { Hold, Settlement } from '../../domain/call.ts'
import { endedText } from '../ledger/record-text.ts'
import { leastAlerting, sharesOf } from './account-row.ts'
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
  /** Whether its hold might be put back by a process that does not know of its end; false for a call that this process relayed to its end. */
  readonly isRemembered: boolean
}

/**
 * What came of it: `ended`, with the id of its record in the stream; `unknown`, it had ended; `changed`, the hold is another
 * than was said; `unopened`, one of its accounts is not there.
 */
export type Ended = { readonly kind: 'ended'; readonly id: string } | { readonly kind: 'unknown' | 'changed' | 'unopened' }

/** Ends calls in the store, each once, and sees to the alerts of what they crossed. */
export class Settlements {
  readonly #deps: SettlementsDeps
  readonly #batch: TurnBatch<Ending, Ended>

  constructor(deps: SettlementsDeps) {
    this.#deps = deps
    this.#batch = new TurnBatch({ send: (endings) => this.#settle(endings), atTurnEnd: deps.atTurnEnd })
  }

  /** @throws Failure store_unavailable: whether it was done is unknown */
  end(ending: Ending): Promise<Ended> {
    return this.#batch.ask(ending)
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
    texts.push(settlement.call, headOf(stored), endedText(settlement), shares)
  }
}

/** What a script is given, as it is put together. */
interface Arguments {
  readonly places: Places
  readonly numbers: number[]
  readonly texts: string[]
}

function toEnded(reply: RedisReply): Ended {
  const [kind, id]: readonly RedisReply[] = Array.isArray(reply) ? reply : []
  if (kind === 'ended') return { kind, id: String(id) }
  return { kind: kind === 'changed' || kind === 'unopened' ? kind : 'unknown' }
}

import { demandIn } from '../../domain/usage/bound.ts'
import type { AccountRef, ReserveRequest, Standing } from '../../engine/ports.ts'
import { toAccount } from './account-row.ts'
import type { KeyNames } from './key-names.ts'
import type { RedisReply } from './redis-client.ts'
import { SCRIPTS } from './script.ts'
import type { Session } from './session.ts'
import { Places, TurnBatch } from './turn-batch.ts'

export interface ReservationsDeps {
  readonly session: Session
  readonly names: KeyNames
  /** See {@link TurnBatch}. */
  readonly atTurnEnd: (run: () => void) => void
}

interface Ask {
  readonly request: ReserveRequest
  /** What the hold says of the call. */
  readonly text: string
}

/** What the script replies for a call. */
export interface Reserved {
  /** Its kind, and what belongs to it; `outdated` where the budgets are newer. */
  readonly reply: readonly [kind: string, ...rest: RedisReply[]]
  /** Its accounts as they are after all that was asked in its turn. */
  readonly standings: () => readonly Standing[]
}

/** The accounts of a turn's calls, as they are after it. */
class Standings {
  readonly #places: Places
  readonly #sums: readonly RedisReply[]
  readonly #known: Standing[] = []

  constructor(places: Places, sums: RedisReply | undefined) {
    this.#places = places
    this.#sums = Array.isArray(sums) ? sums : []
  }

  /** @param name the account's in the store */
  of(ref: AccountRef, name: string): Standing {
    const place = this.#places.of(name)
    return (this.#known[place] ??= toAccount(ref, this.#sums[place - 1]))
  }
}

/** Reserves in the store what calls may use. */
export class Reservations {
  readonly #deps: ReservationsDeps
  readonly #batch: TurnBatch<Ask, Reserved>

  constructor(deps: ReservationsDeps) {
    this.#deps = deps
    this.#batch = new TurnBatch({ send: (asks) => this.#send(asks), atTurnEnd: deps.atTurnEnd })
  }

  /** @throws Failure store_unavailable: whether something is held is unknown */
  reserve(request: ReserveRequest, text: string): Promise<Reserved> {
    return this.#batch.ask({ request, text })
  }

  async #send(asks: readonly Ask[]): Promise<readonly Reserved[]> {
    const version = asks[0]?.request.version ?? 0
    const { session, names } = this.#deps
    const places = new Places()
    const numbers: number[] = []
    const texts: string[] = []
    const isAsked = asks.map(({ request }) => request.version === version)
    for (const { request, text } of asks.filter((_, i) => isAsked[i])) {
      texts.push(request.call.id, text)
      this.#addNumbers(request, { places, numbers })
    }
    const keys = [names.holds, names.stream, names.faces, ...places.names()]
    const [kind, , sums, ...replies] = await session.step(SCRIPTS.reserve, keys, { numbers, texts, version })
    const all = new Standings(places, sums)
    let next = 0
    // Whoever asked by other budgets than the rest asks again, by the newest.
    return asks.map(({ request }, i) => {
      const reply = isAsked[i] === true && kind === 'reserved' ? toReply(replies[next++]) : (['outdated'] as const)
      return { reply, standings: () => request.accounts.map((ref) => all.of(ref, names.account(ref.key))) }
    })
  }

  #addNumbers(
    { call, bound, accounts, expiresAt, isTrial }: ReserveRequest,
    { places, numbers }: { readonly places: Places; readonly numbers: number[] },
  ): void {
    const { outputMax, outputMin, outputExpected = outputMax } = bound
    numbers.push(accounts.length, expiresAt, outputMax, outputMin, outputExpected, isTrial === true ? 0 : call.admittedAt)
    for (const { key, budget } of accounts) {
      const { fixed, perOutput, scale } = demandIn(budget, bound, call.price)
      numbers.push(places.of(this.#deps.names.account(key)), budget.limit, fixed, perOutput, scale, causeOf(budget))
    }
  }
}

function toReply(reply: RedisReply | undefined): Reserved['reply'] {
  return Array.isArray(reply) && typeof reply[0] === 'string' ? [reply[0], ...reply.slice(1)] : ['defect']
}

/** What a budget may do to a call: 0 nothing, 1 refuse it, 2 also clamp it. */
export function causeOf({ isHardCap, nearLimit }: AccountRef['budget']): number {
  return isHardCap ? (nearLimit === 'clamp' ? 2 : 1) : 0
}

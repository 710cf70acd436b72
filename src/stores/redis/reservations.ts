import { demandIn } from '../../domain/bound.ts'
import type { AccountRef, ReserveRequest } from '../../engine/ports.ts'
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

/** The script's reply for a call: its kind, and what belongs to it; `outdated` where the budgets are newer. */
export type Reserved = readonly [kind: string, ...rest: RedisReply[]]

const CALLS_MAX = 50

/** Reserves in the store what calls may use. */
export class Reservations {
  readonly #deps: ReservationsDeps
  readonly #batch: TurnBatch<Ask, Reserved>

  constructor(deps: ReservationsDeps) {
    this.#deps = deps
    this.#batch = new TurnBatch({ send: (asks) => this.#send(asks), atTurnEnd: deps.atTurnEnd, countMax: CALLS_MAX })
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
    const [kind, , ...replies] = await session.step(SCRIPTS.reserve, keys, { numbers, texts, version })
    let next = 0
    // Whoever asked by other budgets than the rest asks again, by the newest.
    return isAsked.map((wasAsked) => (wasAsked && kind === 'reserved' ? toReserved(replies[next++]) : (['outdated'] as const)))
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

function toReserved(reply: RedisReply | undefined): Reserved {
  return Array.isArray(reply) && typeof reply[0] === 'string' ? [reply[0], ...reply.slice(1)] : ['defect']
}

/** What a budget may do to a call: 0 nothing, 1 refuse it, 2 also clamp it. */
export function causeOf({ isHardCap, nearLimit }: AccountRef['budget']): number {
  return isHardCap ? (nearLimit === 'clamp' ? 2 : 1) : 0
}

import { type Amount, AMOUNT_MAX } from './amount.ts'
import type { Measure } from './usage/bound.ts'
import type { AccountKey, CallId } from './ids.ts'
import type { EpochMs } from './instant.ts'
import { costNanoUsd, type Price } from './usage/price.ts'
import type { Attributes } from './budgets/scope.ts'
import { modelId } from './usage/model-id.ts'
import { type Billing, chargedCounts, type ChargedTokens, chargedTokens, type OtherPart, totalTokens, type Usage } from './usage/usage.ts'
import { weightedTokens } from './usage/weights.ts'

/** One request to an AI provider. */
export interface Call {
  readonly id: CallId
  readonly admittedAt: EpochMs
  readonly attributes: Attributes
  /** Which API it speaks: `openai.chat`, `anthropic.messages`. */
  readonly endpoint: string
  /** The model's price at admission, which is also the one at settlement; absent where none is known. */
  readonly price?: Price | undefined
}

/** An amount in one account: set aside by a hold, or charged at the end. */
export interface Charge {
  readonly account: AccountKey
  readonly amount: Amount
}

/** What is set aside while a call is in flight. */
export interface Hold {
  readonly call: Call
  readonly charges: readonly Charge[]
  /** The bound in tokens; all choices together. */
  readonly input: number
  readonly output: number
  /** The bound's cost; 0 without a price. */
  readonly costNanoUsd: Amount
  readonly expiresAt: EpochMs
  /** True where there was no room for the model's whole maximum, which the call might have held: it would have been refused. */
  readonly isSpared: boolean
}

/** A hold whose call has not ended. */
export interface OpenHold extends Hold {
  /** The provider's id of the work that goes on there after it answered: a batch, a response in the background. */
  readonly job?: string
}

/** By when their calls were admitted. Ids sort by time too: what was admitted in one millisecond keeps its order. */
export function oldestFirst(holds: readonly OpenHold[]): readonly OpenHold[] {
  return holds.toSorted((a, b) => a.call.admittedAt - b.call.admittedAt || (a.call.id < b.call.id ? -1 : 1))
}

/**
 * How a call ended.
 * `done`: the provider answered. `provider_error`: it answered with an error. `client_gone`: the caller hung up.
 * `upstream_unreachable`, `upstream_timeout`: no answer, or none to its end. `lost`: the process died, or the hold expired.
 * `defect`: a bug of Bursar's ended it.
 */
export const ENDINGS = ['done', 'provider_error', 'client_gone', 'upstream_unreachable', 'upstream_timeout', 'lost'] as const
export type Ending = (typeof ENDINGS)[number] | 'defect'

/** How a call ended and what it is charged, next to its hold: what stands there is not told again. */
export interface Settlement {
  readonly call: CallId
  readonly endedAt: EpochMs
  readonly ending: Ending
  /** The HTTP status that the provider answered with; absent where it did not answer. */
  readonly status?: number | undefined
  readonly usage: Usage
  readonly costNanoUsd: Amount
  /** What each account of the hold is charged, in the hold's order. */
  readonly amounts: readonly Amount[]
  /** The largest excess over the hold, in that account's unit; 0: the bound held. */
  readonly overrun: Amount
}

/** A call's row in the ledger. Written once; never changed. */
export interface EndedCall {
  readonly call: Call
  readonly endedAt: EpochMs
  readonly ending: Ending
  /** The HTTP status that the provider answered with; absent where it did not answer. */
  readonly status?: number | undefined
  readonly usage: Usage
  readonly tokens: ChargedTokens
  readonly costNanoUsd: Amount
  readonly charges: readonly Charge[]
  readonly overrun: Amount
}

/**
 * The call that a hold and its settlement make together.
 * @param tokens those of its usage
 */
export function endedCall(hold: Hold, settlement: Settlement, tokens: ChargedTokens = chargedTokens(settlement.usage)): EndedCall {
  const { endedAt, ending, status, usage, costNanoUsd, amounts, overrun } = settlement
  const charges = hold.charges.map(({ account }, i) => ({ account, amount: amounts[i] ?? 0 }))
  return { call: hold.call, endedAt, ending, status, usage, tokens, costNanoUsd, charges, overrun }
}

/** What one model's part of a call is charged. */
export interface ChargedPart {
  /** The model's one name. */
  readonly model: string
  readonly tokens: ChargedTokens
  readonly costNanoUsd: Amount
}

/**
 * What each part of a call's usage is charged, its own first. Where a part's price is not known it costs what the call's own
 * model does, so that it is not free.
 */
export function chargedParts(usage: Usage, { attributes, price }: Pick<Call, 'attributes' | 'price'>): readonly ChargedPart[] {
  if (usage.kind === 'none') return []
  const partOf = (model: string, { counts, billing }: Pick<OtherPart, 'counts' | 'billing'>, priced: Price | undefined): ChargedPart => {
    const tokens = chargedCounts(counts)
    return { model, tokens, costNanoUsd: costOf(tokens, priced, billing) }
  }
  const own = partOf(attributes.model, usage, price)
  return [own, ...(usage.others ?? []).map((other) => partOf(modelId(other.model), other, other.price ?? price))]
}

/** What tokens cost: as the provider itself says, else by the price; without one it is not known, and 0. */
export function costOf(tokens: ChargedTokens, price: Price | undefined, billing: Billing | undefined): Amount {
  if (billing?.costNanoUsd !== undefined) return billing.costNanoUsd
  return price === undefined ? 0 : costNanoUsd(tokens, price, billing?.tier)
}

/** What a call adds to an account of such a budget; at most {@link AMOUNT_MAX}. A call that used nothing counts as no request either. */
export function chargeIn({ unit, weights }: Measure, tokens: ChargedTokens, cost: Amount): Amount {
  switch (unit) {
    case 'tokens':
      return Math.min(weights === undefined ? totalTokens(tokens) : weightedTokens(tokens, weights), AMOUNT_MAX)
    case 'usd':
      return cost
    case 'requests':
      return tokens.requests
  }
}

import type { Amount } from '../domain/amount.ts'
import type { Measure } from '../domain/usage/bound.ts'
import { chargeIn, costOf, type Hold, type Settlement } from '../domain/call.ts'
import { type ChargedTokens, chargedTokens, type Usage } from '../domain/usage/usage.ts'
import type { SettleRequest } from '../engine/ports.ts'

/** What a call is charged: its usage, the cost, and the amount in each of its accounts. */
export interface Bill extends Pick<Settlement, 'usage' | 'costNanoUsd' | 'amounts'> {
  readonly tokens: ChargedTokens
}

/** @param measures those of the budgets of its accounts, in their order */
export function billOf(hold: Hold, measures: readonly Measure[], usage: Usage | 'held'): Bill {
  return usage === 'held' ? billOfHold(hold) : billOfUsage(hold, measures, usage)
}

function billOfUsage({ call }: Hold, measures: readonly Measure[], usage: Usage): Bill {
  const tokens = chargedTokens(usage)
  const cost = costOf(usage, tokens, call.price)
  return { usage, tokens, costNanoUsd: cost, amounts: measures.map((measure) => chargeIn(measure, tokens, cost)) }
}

function billOfHold({ input, output, costNanoUsd, charges }: Hold): Bill {
  const usage: Usage = { kind: 'estimated', counts: { input, output }, why: 'what it used is unknown: its hold' }
  return { usage, tokens: chargedTokens(usage), costNanoUsd, amounts: charges.map(({ amount }) => amount) }
}

/** @param overrun the largest amount beyond its hold */
export function settlementOf(
  { call, endedAt, ending, status }: Omit<SettleRequest, 'usage'>,
  { usage, costNanoUsd, amounts }: Bill,
  overrun: Amount,
): Settlement {
  return { call, endedAt, ending, status, usage, costNanoUsd, amounts, overrun }
}

/** The largest amount beyond its hold; 0: every hold covered its charge. */
export function overrunOf({ charges }: Hold, amounts: readonly Amount[]): Amount {
  return charges.reduce((most, { amount }, i) => Math.max(most, (amounts[i] ?? 0) - amount), 0)
}

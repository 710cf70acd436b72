import type { Amount } from '../domain/amount.ts'
import type { Measure } from '../domain/bound.ts'
import { chargeIn, costOf, type Hold, type Settlement } from '../domain/call.ts'
import { chargedTokens, type Usage } from '../domain/usage.ts'

/** What a call is charged: its usage, the cost, and the amount in each of its accounts. */
export type Bill = Pick<Settlement, 'usage' | 'costNanoUsd' | 'amounts'>

/** @param measures those of the budgets of its accounts, in their order */
export function billOf(hold: Hold, measures: readonly Measure[], usage: Usage | 'held'): Bill {
  return usage === 'held' ? billOfHold(hold) : billOfUsage(hold, measures, usage)
}

function billOfUsage({ call }: Hold, measures: readonly Measure[], usage: Usage): Bill {
  const tokens = chargedTokens(usage)
  const cost = costOf(usage, tokens, call.price)
  return { usage, costNanoUsd: cost, amounts: measures.map((measure) => chargeIn(measure, tokens, cost)) }
}

function billOfHold({ input, output, costNanoUsd, charges }: Hold): Bill {
  const usage: Usage = { kind: 'estimated', counts: { input, output }, why: 'what it used is unknown: its hold' }
  return { usage, costNanoUsd, amounts: charges.map(({ amount }) => amount) }
}

/** The largest amount beyond its hold; 0: every hold covered its charge. */
export function overrunOf({ charges }: Hold, amounts: readonly Amount[]): Amount {
  return charges.reduce((most, { amount }, i) => Math.max(most, (amounts[i] ?? 0) - amount), 0)
}

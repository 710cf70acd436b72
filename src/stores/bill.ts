import { type Amount, plus } from '../domain/amount.ts'
import type { Budget } from '../domain/budgets/budget.ts'
import type { Attributes } from '../domain/budgets/scope.ts'
import type { Measure } from '../domain/usage/bound.ts'
import { chargedParts, type ChargedPart, chargeIn, costOf, type Hold, type Settlement } from '../domain/call.ts'
import type { AccountKey } from '../domain/ids.ts'
import { modelId } from '../domain/usage/model-id.ts'
import { addCharged, type ChargedTokens, chargedTokens, NO_TOKENS, type Usage } from '../domain/usage/usage.ts'
import type { SettleRequest } from '../engine/ports.ts'

/** What a call is charged: its usage, the cost, and the amount in each of its accounts. */
export interface Bill extends Pick<Settlement, 'usage' | 'costNanoUsd' | 'amounts'> {
  readonly tokens: ChargedTokens
}

/** @param budgets those of its accounts, in their order */
export function billOf(hold: Hold, budgets: readonly BilledBudget[], usage: Usage | 'held'): Bill {
  return usage === 'held' ? billOfHold(hold) : billOfUsage(hold, budgets, usage)
}

/** What of an account's budget decides what it is charged. */
export type BilledBudget = Measure & Pick<Budget, 'scope' | 'each'>

function billOfUsage({ call, charges }: Hold, budgets: readonly BilledBudget[], usage: Usage): Bill {
  const { attributes, price } = call
  const hasOthers = usage.kind !== 'none' && usage.others !== undefined
  if (!hasOthers && attributes.otherModels === undefined) {
    const tokens = chargedTokens(usage)
    const cost = usage.kind === 'none' ? 0 : costOf(tokens, price, usage.billing)
    return { usage, tokens, costNanoUsd: cost, amounts: budgets.map((budget) => chargeIn(budget, tokens, cost)) }
  }
  const parts = chargedParts(usage, call)
  const amounts = budgets.map((budget, i) => {
    const { tokens, costNanoUsd } = sumOf(partsIn(parts, attributes, modelOf(budget, charges[i]?.account)))
    return chargeIn(budget, tokens, costNanoUsd)
  })
  return { usage, ...sumOf(parts), amounts }
}

/**
 * The parts that count in an account of one model: those of that model. An account whose budget came to name a model only after the
 * call began counts all of it, as it was held.
 */
function partsIn(parts: readonly ChargedPart[], attributes: Attributes, model: string | undefined): readonly ChargedPart[] {
  if (model === undefined) return parts
  const ofModel = parts.filter((part) => part.model === model)
  const isOfCall = ofModel.length > 0 || model === attributes.model || attributes.otherModels?.includes(model) === true
  return isOfCall ? ofModel : parts
}

/** The model that an account is of by its budget; undefined where it counts all. */
function modelOf({ scope, each }: BilledBudget, account: AccountKey | undefined): string | undefined {
  if (each === 'model') return account?.split('\n')[1]
  return scope.model === undefined ? undefined : modelId(scope.model)
}

function sumOf(parts: readonly ChargedPart[]): Pick<Bill, 'tokens' | 'costNanoUsd'> {
  return {
    tokens: parts.reduce((sum, { tokens }) => addCharged(sum, tokens), NO_TOKENS),
    costNanoUsd: parts.reduce((sum, { costNanoUsd }) => plus(sum, costNanoUsd), 0),
  }
}

function billOfHold({ input, output, costNanoUsd, charges }: Hold): Bill {
  const usage: Usage = {
    kind: 'estimated',
    counts: { input: { total: input }, output: { total: output } },
    why: 'what it used is unknown: its hold',
  }
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

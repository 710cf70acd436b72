import { sharedPrice } from './price-by-text.ts'
import { type ChargedPart, chargedParts } from '../../domain/call.ts'
import { type LinesOfCall, priceLinesOf } from '../../domain/usage/price-lines.ts'
import type { Price } from '../../domain/usage/price.ts'
import type { Billing, Used } from '../../domain/usage/usage.ts'
import type { End } from './open-calls.ts'
import type { PriceLineSums } from './price-line-sums.ts'

/** One model's part of a call. */
interface PartOfCall extends ChargedPart {
  readonly price: Price | undefined
  readonly billing: Billing | undefined
}

/**
 * Adds the price lines of a call that ended: those of its own model, and of each other that had a part in it.
 * @param caller the id of what it has in common with others
 */
export function addCallLines(sums: PriceLineSums, caller: number, { hold, settlement, tokens }: End): void {
  const { usage, costNanoUsd } = settlement
  const { admittedAt, attributes, price } = hold.call
  const { provider, model } = attributes
  const isEstimated = usage.kind === 'estimated'
  const add = (part: PartOfCall) =>
    sums.add(
      { caller, admittedAt, provider, model: part.model, price: part.price && sharedPrice(part.price), isEstimated },
      linesOfPart(part),
    )
  if (usage.kind === 'none') add({ model, tokens, costNanoUsd, price, billing: undefined })
  else if (usage.others === undefined) add({ model, tokens, costNanoUsd, price, billing: usage.billing })
  else for (const part of partsOf(usage, { hold, settlement, tokens })) add(part)
}

function linesOfPart({ tokens, price, billing, costNanoUsd }: PartOfCall): LinesOfCall {
  const isStated = billing?.costNanoUsd !== undefined && billing.costNanoUsd === costNanoUsd
  return priceLinesOf({ tokens, price, tier: billing?.tier, isStated, costNanoUsd })
}

/** Where the parts do not explain what the call was charged, that stands with its own part. */
function partsOf(usage: Used, { hold, settlement }: End): readonly PartOfCall[] {
  const { call } = hold
  const { costNanoUsd } = settlement
  const parts = chargedParts(settlement.usage, call).map((part, i): PartOfCall => {
    const other = i === 0 ? undefined : usage.others?.[i - 1]
    return { ...part, price: i === 0 ? call.price : (other?.price ?? call.price), billing: i === 0 ? usage.billing : other?.billing }
  })
  const isExplained = parts.reduce((sum, part) => sum + part.costNanoUsd, 0) === costNanoUsd
  return isExplained ? parts : parts.map((part, i) => ({ ...part, costNanoUsd: i === 0 ? costNanoUsd : 0 }))
}

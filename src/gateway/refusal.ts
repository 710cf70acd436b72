import type { EpochMs } from '../domain/instant.ts'
import { capOf } from '../domain/accounts/account.ts'
import type { Standing } from '../engine/ports.ts'
import type { Refused } from '../engine/reserve.ts'
import { displayAmount, formatAmount } from '../domain/amount.ts'
import { isoOrNull } from '../http/amounts.ts'
import type { Headers } from '../http/header-names.ts'
import { GatewayError } from './gateway-error.ts'
import { ratelimitHeaders } from './ratelimit-headers.ts'

/** A refusal as the caller gets it: which budget, its figures, when it resets, and that a retry is of no use before. */
export function refusalError(refused: Refused, now: EpochMs): GatewayError {
  if (refused.reason === 'unpriced') {
    const message = `the model ${refused.model} has no price, so the budget "${refused.budget}" in USD can't hold what it may cost: add the model to "prices" in the config, or set "unpriced: admit" in that budget`
    return new GatewayError('model_not_allowed', message)
  }
  const [tightest] = refused.standings
  if (tightest === undefined) return new GatewayError('budget_exceeded', 'a hard cap would be passed')
  return new GatewayError('budget_exceeded', messageOf(tightest), {
    details: { budget: budgetField(tightest) },
    headers: {
      'x-should-retry': 'false',
      ...retryAfter(tightest, now),
      ...ratelimitHeaders(refused.standings, now),
    },
  })
}

/** Seconds to the reset; a budget that never resets has none. */
function retryAfter({ period }: Standing, now: EpochMs): Headers {
  return period.kind === 'total' ? {} : { 'retry-after': String(Math.max(1, Math.ceil((period.endsAt - now) / 1000))) }
}

/** The `budget` member of a refusal. */
function budgetField(standing: Standing): Readonly<Record<string, unknown>> {
  const { budget, used, held, each } = standing
  const amount = (value: number) => displayAmount(budget.unit, value)
  return {
    id: budget.id,
    name: budget.name,
    account: each,
    unit: budget.unit,
    used: amount(used),
    held: amount(held),
    limit: amount(capOf(standing)),
    resets_at: isoOrNull(standing),
  }
}

function messageOf(standing: Standing): string {
  const { budget, used, held, each } = standing
  const whose = each === null ? '' : ` for ${budget.each} "${each}"`
  const inFlight = held === 0 ? '' : `, and ${formatAmount(budget.unit, held)} are held by calls in flight`
  const resetsAt = isoOrNull(standing)
  const reset = resetsAt === null ? 'It never resets' : `It resets at ${resetsAt}`
  return `the budget "${budget.name}" (${budget.id})${whose} has no room for this call: ${formatAmount(budget.unit, used)} of ${formatAmount(budget.unit, capOf(standing))} used${inFlight}. ${reset}; its owner can raise it.`
}

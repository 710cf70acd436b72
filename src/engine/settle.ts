import type { EndedCall } from '../domain/call.ts'
import type { Call } from '../domain/call.ts'
import type { Usage } from '../domain/usage/usage.ts'
import type { Counters, Prices, SettleRequest } from './ports.ts'
import type { WaitingLine } from './waiting-line.ts'

/** The usage of a call with the price that each of its other parts' models had when it was admitted. */
export function withPrices(prices: Prices, { attributes, admittedAt }: Call, usage: Usage | 'held'): Usage | 'held' {
  if (usage === 'held' || usage.kind === 'none' || usage.others === undefined) return usage
  const others = usage.others.map((part) => ({ ...part, price: prices.priceOf(attributes.provider, part.model, admittedAt) }))
  return { ...usage, others }
}

/**
 * Charges a call what it used and gives the rest of its hold back, once: repeated, it changes nothing. Never refused.
 * @returns the call's row in the ledger, durable; undefined where the call had ended already
 */
export function settle(
  deps: { readonly counters: Counters; readonly line: WaitingLine },
  request: SettleRequest,
): Promise<EndedCall | undefined> {
  const settled = deps.counters.settle(request)
  deps.line.wake()
  return settled
}

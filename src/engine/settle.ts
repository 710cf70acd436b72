import type { EndedCall } from '../domain/call.ts'
import type { Counters, SettleRequest } from './ports.ts'
import type { WaitingLine } from './waiting-line.ts'

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

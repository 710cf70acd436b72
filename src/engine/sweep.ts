import type { CallId } from '../domain/ids.ts'
import type { EpochMs } from '../domain/instant.ts'
import type { EndedCall } from '../domain/call.ts'
import type { Clock, Counters } from './ports.ts'

export interface SweepDeps {
  readonly counters: Counters
  readonly clock: Clock
  readonly holdTtlMs: number
  readonly onLost: 'charge' | 'release'
}

/**
 * Renews the holds of calls that this process still serves, and ends those whose time is over: what they used is unknown,
 * so the hold is charged as an estimate, or given back where `on_lost` says so.
 * @param isLive true for a call that this process serves
 * @returns the calls that were lost
 */
export async function sweep(deps: SweepDeps, isLive: (call: CallId) => boolean): Promise<readonly EndedCall[]> {
  const now = deps.clock.now()
  const lost: CallId[] = []
  for (const { call, expiresAt } of deps.counters.holds()) {
    if (isLive(call.id)) await renewInTime(deps, { id: call.id, expiresAt, now })
    else if (expiresAt <= now) lost.push(call.id)
  }
  return endLost(deps, lost)
}

/** Ends calls of which nothing more will be heard, such as those of a process that died. */
export async function endLost(deps: SweepDeps, calls: readonly CallId[]): Promise<readonly EndedCall[]> {
  const endedAt = deps.clock.now()
  const usage = deps.onLost === 'charge' ? 'held' : ({ kind: 'none' } as const)
  const ended = await Promise.all(calls.map((call) => deps.counters.settle({ call, endedAt, ending: 'lost', usage })))
  return ended.flatMap((call) => call ?? [])
}

async function renewInTime(deps: SweepDeps, hold: { id: CallId; expiresAt: EpochMs; now: EpochMs }): Promise<void> {
  const isDue = hold.expiresAt - hold.now < (deps.holdTtlMs * 2) / 3
  if (isDue) await deps.counters.renew(hold.id, hold.now + deps.holdTtlMs)
}

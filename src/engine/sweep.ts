import type { CallId } from '../domain/ids.ts'
import type { EpochMs } from '../domain/instant.ts'
import type { EndedCall } from '../domain/call.ts'
import type { CallMap } from './call-map.ts'
import type { Clock, Counters } from './ports.ts'

/** The calls that this process serves, and when their holds expire unless they are renewed. */
export type LiveCalls = CallMap<EpochMs>

export interface SweepDeps {
  readonly counters: Counters
  readonly clock: Clock
  readonly holdTtlMs: number
  readonly onLost: 'charge' | 'release'
}

/**
 * Renews the holds of calls that this process still serves, and ends those whose time is over: what they used is unknown,
 * so the hold is charged as an estimate, or given back where `on_lost` says so.
 * @returns the calls that were lost
 */
export async function sweep(deps: SweepDeps & { readonly live: LiveCalls }): Promise<readonly EndedCall[]> {
  const now = deps.clock.now()
  for (const [id, expiresAt] of deps.live) await renewInTime(deps, { id, expiresAt, now })
  const expired = await deps.counters.expired(now)
  return endLost(
    deps,
    expired.filter((id) => !deps.live.has(id)),
  )
}

/** Ends calls of which nothing more will be heard, such as those of a process that died. */
export async function endLost(deps: SweepDeps, calls: readonly CallId[]): Promise<readonly EndedCall[]> {
  const endedAt = deps.clock.now()
  const usage = deps.onLost === 'charge' ? 'held' : ({ kind: 'none' } as const)
  const ended = await Promise.all(calls.map((call) => deps.counters.settle({ call, endedAt, ending: 'lost', usage })))
  return ended.flatMap((call) => call ?? [])
}

async function renewInTime(
  deps: SweepDeps & { readonly live: LiveCalls },
  hold: { id: CallId; expiresAt: EpochMs; now: EpochMs },
): Promise<void> {
  const leftMs = hold.expiresAt - hold.now
  // More is left than a hold ever has where the clock was set back: when it is set right, all of them would seem to be over.
  if (leftMs >= (deps.holdTtlMs * 2) / 3 && leftMs <= (deps.holdTtlMs * 4) / 3) return
  const expiresAt = hold.now + deps.holdTtlMs
  await deps.counters.renew(hold.id, expiresAt)
  // Only now: one that could not be renewed is tried again. It may have ended meanwhile.
  if (deps.live.has(hold.id)) deps.live.set(hold.id, expiresAt)
}

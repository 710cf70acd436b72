import { END_OF_TIME, type EpochMs } from '../domain/instant.ts'
import type { DueDelivery } from '../engine/ports.ts'

/** What this process knows of a delivery before the ledger says the same. */
type Known =
  | { readonly kind: 'taken' }
  /** `nextAt` is the end of time where nothing further is to be tried. */
  | { readonly kind: 'tried'; readonly attempts: number; readonly nextAt: EpochMs }

/** Keeps this process from sending a delivery again while the record of its last try is on the way to the ledger. */
export interface DeliveryMemory {
  /** How many deliveries are known; a question to the ledger must ask for more, or it may get only these. */
  readonly size: () => number
  /** Marks the delivery as about to be sent, and returns it with all tries counted; undefined where it must not be sent now. */
  readonly take: (delivery: DueDelivery, at: EpochMs) => DueDelivery | undefined
  /** The try has ended. @param nextAt undefined: nothing further is to be tried */
  readonly tried: (delivery: DueDelivery, nextAt: EpochMs | undefined) => void
  /** Forgets what the ledger knows by now: what has ended, or should be due again, and is not in `due`, which is all that is due. */
  readonly forget: (due: readonly DueDelivery[], at: EpochMs) => void
  /** When the first of the retries is due; the end of time where there is none. */
  readonly nextAt: () => EpochMs
}

export function createDeliveryMemory(): DeliveryMemory {
  const known = new Map<string, Known>()
  return {
    size: () => known.size,
    take: (delivery, at) => {
      const before = known.get(keyOf(delivery))
      if (before?.kind === 'taken' || (before?.kind === 'tried' && before.nextAt > at)) return undefined
      known.set(keyOf(delivery), { kind: 'taken' })
      return { ...delivery, attempts: Math.max(delivery.attempts, before?.attempts ?? 0) }
    },
    tried: (delivery, nextAt) => {
      known.set(keyOf(delivery), { kind: 'tried', attempts: delivery.attempts + 1, nextAt: nextAt ?? END_OF_TIME })
    },
    forget: (due, at) => {
      const dueKeys = new Set(due.map(keyOf))
      for (const [key, state] of known) {
        if (state.kind === 'tried' && (state.nextAt === END_OF_TIME || state.nextAt <= at) && !dueKeys.has(key)) known.delete(key)
      }
    },
    nextAt: () => {
      let first: EpochMs = END_OF_TIME
      for (const state of known.values()) if (state.kind === 'tried') first = Math.min(first, state.nextAt)
      return first
    },
  }
}

function keyOf({ alert, channel }: DueDelivery): string {
  return `${channel}\n${alert.id}`
}

import type { Diagnosis } from '../engine/doctor.ts'
import type { Engine } from '../engine/engine.ts'
import type { Keys } from '../engine/keys.ts'
import type { Clock, Ledger } from '../engine/ports.ts'

/** What the control plane stands on. */
export interface ApiDeps {
  readonly engine: Engine
  readonly ledger: Ledger
  readonly keys: Keys
  readonly clock: Clock
  readonly diagnose: () => Promise<Diagnosis>
  /** Sends a test alert; throws a Failure `not_found` for an unknown channel. */
  readonly testChannel: (name: string) => Promise<{ readonly channel: string; readonly isDelivered: boolean; readonly error: string }>
  readonly isAdminToken: (token: string) => boolean
  readonly health: () => { readonly ready: boolean; readonly reasons: readonly string[]; readonly warnings: readonly string[] }
  readonly metrics: () => Promise<string>
  /** An error that nobody expected. */
  readonly defect: (error: unknown) => void
}

/** Who changes something through the control plane. */
export const ADMIN = 'admin'

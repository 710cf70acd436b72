import type { Diagnosis } from '../engine/doctor.ts'
import type { Distrusts } from '../engine/distrust.ts'
import type { Engine } from '../engine/engine.ts'
import type { Keys } from '../engine/keys.ts'
import type { Clock, Ledger } from '../engine/ports.ts'
import type { FailedTokens } from './failed-tokens.ts'

/** What the control plane stands on. */
export interface ApiDeps {
  readonly engine: Engine
  readonly ledger: Ledger
  readonly keys: Keys
  readonly clock: Clock
  readonly distrusts: Pick<Distrusts, 'all' | 'trust'>
  /** What was not known of requests since the start. */
  readonly unknownInputs: () => readonly UnknownInputRow[]
  readonly diagnose: () => Promise<Diagnosis>
  /** Sends a test alert; throws a Failure `not_found` for an unknown channel. */
  readonly testChannel: (name: string) => Promise<{ readonly channel: string; readonly isDelivered: boolean; readonly error: string }>
  readonly isAdminToken: (token: string) => boolean
  readonly health: () => { readonly ready: boolean; readonly reasons: readonly string[]; readonly warnings: readonly string[] }
  readonly metrics: () => Promise<string>
  /** Takes wrong admin tokens down. */
  readonly failedTokens: FailedTokens
  /** An error that nobody expected. */
  readonly defect: (error: unknown) => void
}

/** Calls whose input held all that the model can read. */
export interface UnknownInputRow {
  readonly provider: string
  readonly model: string
  readonly what: string
  readonly calls: number
}

/** Who changes something through the control plane. */
export const ADMIN = 'admin'

import type { Alert } from './accounts/alert.ts'
import type { Amount, Unit } from './amount.ts'
import type { Budget } from './budgets/budget.ts'
import type { Hold, Settlement } from './call.ts'
import type { Close } from './accounts/close.ts'
import type { AccountKey, BudgetId, CallId } from './ids.ts'
import type { EpochMs } from './instant.ts'
import type { Period } from './budgets/period.ts'

/**
 * One entry of the ledger, in the order in which it happened. The ledger is the one truth: applying its records from the
 * first to the last gives every counter, report and alert again. Applying a record twice leaves what applying it once leaves.
 */
export type LedgerRecord =
  | {
      readonly kind: 'opened'
      readonly account: AccountKey
      readonly budget: BudgetId
      readonly each: string | null
      readonly unit: Unit
      readonly period: Period
    }
  | { readonly kind: 'held'; readonly hold: Hold }
  | { readonly kind: 'renewed'; readonly call: CallId; readonly expiresAt: EpochMs }
  /** A hold that was raised while its answer came. */
  | {
      readonly kind: 'raised'
      readonly call: CallId
      /** As in the hold; all choices together. */
      readonly output: number
      readonly costNanoUsd: Amount
      /** What it holds now in each of its accounts, in the hold's order. */
      readonly amounts: readonly Amount[]
    }
  /** The provider answered and works on: the call ends when that job is found to have ended, at the latest then. */
  | { readonly kind: 'deferred'; readonly call: CallId; readonly job: string; readonly expiresAt: EpochMs }
  /**
   * Of a call whose hold is recorded before. The alerts of the thresholds that this settlement crossed stand with it: both
   * are written, or neither is.
   */
  | { readonly kind: 'ended'; readonly settlement: Settlement; readonly alerts: readonly Alert[] }
  | { readonly kind: 'alerted'; readonly alert: Alert }
  | { readonly kind: 'cut'; readonly account: AccountKey; readonly endsAt: EpochMs }
  | { readonly kind: 'closed'; readonly close: Close }
  | { readonly kind: 'revised'; readonly budget: Budget; readonly at: EpochMs }
  | { readonly kind: 'key'; readonly key: KeyRow }
  | { readonly kind: 'objects'; readonly objects: readonly KeptObject[] }
  | { readonly kind: 'distrust'; readonly distrust: Distrust }
  | { readonly kind: 'delivery'; readonly attempt: DeliveryAttempt }
  | { readonly kind: 'audit'; readonly entry: AuditEntry }

/** A model of a provider that produced more than the maximum that it was told, so that its maxima are no bounds; the latest counts. */
export interface Distrust {
  readonly provider: string
  readonly model: string
  /** The most output that one choice had, in tokens. */
  readonly output: number
  readonly at: EpochMs
  /** True where it was trusted again by hand. */
  readonly isLifted: boolean
}

/** What a provider keeps for whom called it: a file, a batch, a stored answer. Known already, it stays with its first owner. */
export interface KeptObject {
  /** Made of the provider's name and its id there; says nothing of either. */
  readonly id: string
  /** The id of the key whose call made it, and that key's team; absent: it has none. */
  readonly key: string
  readonly team?: string
  readonly at: EpochMs
}

/** A virtual key that was made by API or CLI; its secret is kept as a SHA-256 in hex only. */
export interface KeyRow {
  readonly id: string
  readonly name: string
  readonly hash: string
  /** Its first characters, to be recognised by. */
  readonly hint: string
  readonly attributes: Readonly<Partial<Record<'team' | 'project' | 'user', string>>>
  /** Attributes that the caller may set by header, such as `user` or `tag.*`. */
  readonly allow: readonly string[]
  readonly models: readonly string[]
  /** What it may reach of that which a provider keeps: its own, its team's (where absent), or everybody's. */
  readonly objects?: 'own' | 'team' | 'all'
  readonly createdAt: EpochMs
  readonly expiresAt?: EpochMs
  readonly revokedAt?: EpochMs
}

/** One try to bring an alert to a channel. */
export interface DeliveryAttempt {
  readonly alert: string
  readonly channel: string
  readonly at: EpochMs
  readonly outcome: 'delivered' | 'retry' | 'dead'
  /** The first line of what the receiver said, without secrets; empty where it was delivered. */
  readonly error: string
  /** When the next try is due; 0 unless `outcome` is `retry`. */
  readonly nextAt: EpochMs
}

/** Who changed what. `before` and `after` hold no secrets. */
export interface AuditEntry {
  readonly id: string
  readonly at: EpochMs
  readonly actor: string
  readonly action: string
  readonly target: string
  readonly reason: string
  readonly before: string
  readonly after: string
}

/** An account's running sums as the ledger holds them. */
export interface AccountSums {
  readonly account: AccountKey
  readonly used: Amount
  readonly overrun: Amount
}

import type { EpochMs } from '../../domain/instant.ts'
import type { AccountSums, AuditEntry } from '../../domain/record.ts'
import type {
  AlertStatus,
  BoundReport,
  ChainedClose,
  DueDelivery,
  LedgerDifference,
  OpenState,
  UnpricedModel,
  UsageQuery,
  UsageRow,
} from '../../engine/ports.ts'

/** What can be asked of the ledger. */
export type Question =
  | { readonly kind: 'openState' }
  | { readonly kind: 'differences' }
  | { readonly kind: 'sums' }
  | { readonly kind: 'bounds'; readonly from: EpochMs }
  | { readonly kind: 'unpriced'; readonly from: EpochMs }
  | { readonly kind: 'usage'; readonly query: UsageQuery }
  | { readonly kind: 'closes'; readonly query: { readonly budget?: string; readonly limit: number } }
  | { readonly kind: 'alerts'; readonly limit: number }
  | { readonly kind: 'audit'; readonly limit: number }
  | { readonly kind: 'dueDeliveries'; readonly at: EpochMs; readonly limit: number }

/** The question of that kind. */
export type QuestionOf<K extends Question['kind']> = Extract<Question, { readonly kind: K }>

/** What comes back, by the kind of the question. */
export interface Answers {
  readonly openState: OpenState
  readonly differences: readonly LedgerDifference[]
  readonly sums: readonly AccountSums[]
  readonly bounds: readonly BoundReport[]
  readonly unpriced: readonly UnpricedModel[]
  readonly usage: readonly UsageRow[]
  readonly closes: readonly ChainedClose[]
  readonly alerts: readonly AlertStatus[]
  readonly audit: readonly AuditEntry[]
  readonly dueDeliveries: readonly DueDelivery[]
}

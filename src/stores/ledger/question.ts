import type { CallId } from '../../domain/ids.ts'
import type { EpochMs } from '../../domain/instant.ts'
import type { AccountSums, AuditEntry, Distrust, KeptObject } from '../../domain/record.ts'
import type {
  AlertStatus,
  BoundReport,
  ChainedClose,
  DueDelivery,
  LedgerDifference,
  OlderCalls,
  OpenState,
  SetAsideRecords,
  PriceLineDay,
  RecordedCall,
  UnpricedModel,
  UsageQuery,
  UsageRow,
} from '../../engine/ports.ts'

/** What can be asked of the ledger, and what about. */
export interface Questions {
  readonly openState: null
  readonly differences: null
  readonly sums: null
  readonly setAside: { readonly limit: number }
  readonly olderCalls: null
  readonly call: CallId
  readonly priceLines: { readonly from: EpochMs; readonly to: EpochMs }
  readonly bounds: EpochMs
  readonly unpriced: EpochMs
  readonly usage: UsageQuery
  readonly closes: { readonly budget?: string; readonly limit: number }
  readonly alerts: { readonly limit: number }
  readonly audit: { readonly limit: number }
  readonly objects: readonly string[]
  readonly ownsObjects: { readonly key: string; readonly team?: string }
  readonly distrusts: null
  readonly dueDeliveries: { readonly at: EpochMs; readonly limit: number }
}

/** What comes back, by the kind of the question. */
export interface Answers {
  readonly openState: OpenState
  readonly differences: readonly LedgerDifference[]
  readonly sums: readonly AccountSums[]
  readonly setAside: SetAsideRecords
  readonly olderCalls: OlderCalls
  readonly call: RecordedCall | undefined
  readonly priceLines: readonly PriceLineDay[]
  readonly bounds: readonly BoundReport[]
  readonly unpriced: readonly UnpricedModel[]
  readonly usage: readonly UsageRow[]
  readonly closes: readonly ChainedClose[]
  readonly alerts: readonly AlertStatus[]
  readonly audit: readonly AuditEntry[]
  readonly objects: readonly KeptObject[]
  readonly ownsObjects: boolean
  readonly distrusts: readonly Distrust[]
  readonly dueDeliveries: readonly DueDelivery[]
}

export type Kind = keyof Questions

/** A question of one of these kinds. */
export type Question<K extends Kind = Kind> = { [P in K]: { readonly kind: P; readonly about: Questions[P] } }[K]

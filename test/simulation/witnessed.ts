import type { EndedCall } from '../../src/domain/call.ts'
import type { Admitted } from '../../src/engine/reserve.ts'
import type { Produced } from './produced.ts'

/** A call as its caller and its provider know it. */
export interface Witnessed {
  readonly admitted: Admitted
  readonly accounts: readonly string[]
  /** What it may use at most, by what its caller was told. */
  allowed: Produced
  /** What its provider did produce; undefined: nothing yet. */
  produced: Produced | undefined
  /** The process that let it in. */
  readonly incarnation: string
  /** Let in while nothing could be counted: only that process knows of it until it ends. */
  readonly isUncounted: boolean
  /** That process is gone, and with it all that it remembered. */
  isOrphan: boolean
  /** It was gone before the caller had an answer. */
  isCutOff: boolean
  /** It was left to its provider. */
  isDeferred: boolean
  /** So it stands in the store: whoever hears of it from its provider says how it ended. */
  isSeen: boolean
  /** Its caller has the whole answer. */
  isDelivered: boolean
  /** What its caller's process was told that it is charged. */
  told: EndedCall | undefined
  /** A store lost what it was told about this call before the ledger had it: no process can be held to it. */
  isAtRisk: boolean
  readonly letInAt: number
  deliveredAt: number | undefined
  /** The store was away when it ended: its hold may be released before it is counted. */
  isCountedLater: boolean
  /** Its process was told that somebody else had ended it. */
  endedElsewhere: boolean
}

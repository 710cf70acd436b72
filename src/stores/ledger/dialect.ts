import type { EpochMs } from '../../domain/instant.ts'
import type { Steps } from './statement.ts'

/** Where the databases differ in what a batch changes. */
export interface Dialect {
  /** The unique keys of the rollups, as ON CONFLICT names them. */
  readonly hourKey: string
  readonly attributeDayKey: string
  readonly dayKey: string
  /** True for a row of `callers` with the values of the relation `given`. */
  readonly sameCaller: string
  /** Makes sure that calls that were admitted at these instants can be stored. */
  readonly makeRoom: (admittedAt: readonly EpochMs[]) => Steps<void>
}

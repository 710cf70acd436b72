import type { EpochMs } from '../../domain/instant.ts'
import type { Span } from './span-parts.ts'
import type { Steps } from './statement.ts'

/** Where the databases differ in what a batch changes. */
export interface Dialect {
  /**
   * The unique key of a rollup, as ON CONFLICT names it.
   * @param at the column of the spans' starts
   * @param values the other columns of the key
   */
  readonly rollupKey: (at: string, values: readonly string[]) => string
  /** True for a row of `callers` with the values of the relation `given`. */
  readonly sameCaller: string
  /** True for a row of `price_lines` with the values of the relation `given`. */
  readonly sameLine: string
  /** Lets `admitted_calls` find the calls that the steps add. */
  readonly indexAdded: <T>(adding: () => Steps<T>) => Steps<T>
  /** Lets `admitted_calls` find calls without a form that ended in that span. */
  readonly indexAdmissions: (ended: Span) => Steps<void>
  /** Nothing is looked for by its end any more. */
  readonly dropOlderIndex: () => Steps<void>
  /** Makes sure that calls that were admitted at these instants can be stored. */
  readonly makeRoom: (admittedAt: readonly EpochMs[]) => Steps<void>
}

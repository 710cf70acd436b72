import type { Settlement } from '../../domain/call.ts'
import type { LedgerRecord } from '../../domain/record.ts'

/** A call that ended, with all that is needed to count it again. */
export interface CountedCall {
  /** Its hold, as it is stored. */
  readonly hold: string
  readonly settlement: Settlement
}

export type UnconfirmedEntry =
  | { readonly kind: 'call'; readonly counted: CountedCall }
  | { readonly kind: 'record'; readonly record: LedgerRecord }

/** Comes after every id of a stream. */
const NEVER = `${Number.MAX_SAFE_INTEGER}-0`

/** The oldest are forgotten beyond: the ledger is far behind then, and what keeps it is told. */
const ENTRIES_MAX = 200_000

/**
 * What this process wrote and the ledger may not have yet. Where the counter store loses its end, or all, it is written again.
 */
export class Unconfirmed {
  /** In the order of the stream. */
  #entries: { readonly id: string; readonly entry: UnconfirmedEntry }[] = []

  add(id: string, entry: UnconfirmedEntry): void {
    this.#entries.push({ id, entry })
    if (this.#entries.length > ENTRIES_MAX) this.#entries = this.#entries.slice(ENTRIES_MAX / 2)
  }

  /** The ledger has everything up to that entry of the stream. */
  confirm(id: string): void {
    const first = this.#entries.findIndex((entry) => isAfter(entry.id, id))
    this.#entries = first === -1 ? [] : this.#entries.slice(first)
  }

  /** All of them, which are not unconfirmed any more. */
  take(): readonly UnconfirmedEntry[] {
    const entries = this.#entries
    this.#entries = []
    return entries.map(({ entry }) => entry)
  }

  /** They were taken, and could not be written again: they are the oldest, and no id of another stream confirms them. */
  restore(entries: readonly UnconfirmedEntry[]): void {
    this.#entries = [...entries.map((entry) => ({ id: NEVER, entry })), ...this.#entries]
  }
}

/** Whether an id of the stream, `milliseconds-sequence`, comes after another. */
export function isAfter(a: string, b: string): boolean {
  const [aTime = 0, aCount = 0] = a.split('-').map(Number)
  const [bTime = 0, bCount = 0] = b.split('-').map(Number)
  return aTime === bTime ? aCount > bCount : aTime > bTime
}

import type { Settlement } from '../../domain/call.ts'
import type { LedgerRecord } from '../../domain/record.ts'
import { type EndedHold, fromCallsText } from './calls-text.ts'
import { storedHold, toStored } from './hold-text.ts'

/** A call that ended, with all that is needed to count it again. */
export interface CountedCall {
  /** Its hold, as it is stored. */
  readonly hold: string
  readonly settlement: Settlement
  /** The process that let it in from its slices, which hold what it used until it is counted. */
  readonly slicesOf?: string
}

export type UnconfirmedEntry =
  | { readonly kind: 'call'; readonly counted: CountedCall }
  /** Calls that were told together: see calls-text.ts. */
  | { readonly kind: 'calls'; readonly text: string; readonly count: number }
  | { readonly kind: 'record'; readonly record: LedgerRecord }

/** A call that ended, as it is counted again. */
export function countedOf({ hold, settlement }: EndedHold): CountedCall {
  return { hold: toStored(storedHold(hold), hold.expiresAt), settlement }
}

/** The calls of what is counted again. */
export function callsOf(entry: UnconfirmedEntry): readonly CountedCall[] {
  switch (entry.kind) {
    case 'call':
      return [entry.counted]
    case 'calls':
      return fromCallsText(entry.text).map(countedOf)
    case 'record':
      return []
  }
}

/** Comes after every id of a stream. */
const NEVER = `${Number.MAX_SAFE_INTEGER}-0`

/** So many calls and other records; beyond, the older half is forgotten: the ledger is far behind then, and what keeps it is told. */
const COUNT_MAX = 200_000

interface Placed {
  /** Of the stream. */
  readonly id: string
  readonly entry: UnconfirmedEntry
}

/**
 * What this process wrote and the ledger may not have yet. Where the counter store loses its end, or all, it is written again.
 */
export class Unconfirmed {
  /** In the order of the stream. */
  #entries: Placed[] = []
  #count = 0

  add(id: string, entry: UnconfirmedEntry): void {
    this.#entries.push({ id, entry })
    this.#count += countOf(entry)
    if (this.#count > COUNT_MAX) this.#forget()
  }

  /** The ledger has everything up to that entry of the stream. */
  confirm(id: string): void {
    const first = this.#entries.findIndex((entry) => isAfter(entry.id, id))
    this.#keep(first === -1 ? [] : this.#entries.slice(first))
  }

  /** All of them, which are not unconfirmed any more. */
  take(): readonly UnconfirmedEntry[] {
    const entries = this.#entries
    this.#keep([])
    return entries.map(({ entry }) => entry)
  }

  /** They were taken, and could not be written again: they are the oldest, and no id of another stream confirms them. */
  restore(entries: readonly UnconfirmedEntry[]): void {
    this.#keep([...entries.map((entry) => ({ id: NEVER, entry })), ...this.#entries])
  }

  #keep(entries: Placed[]): void {
    this.#entries = entries
    this.#count = entries.reduce((count, { entry }) => count + countOf(entry), 0)
  }

  #forget(): void {
    let first = 0
    for (let left = this.#count; left > COUNT_MAX / 2; first++) left -= countOf(this.#entries[first]?.entry)
    this.#keep(this.#entries.slice(first))
  }
}

function countOf(entry: UnconfirmedEntry | undefined): number {
  return entry?.kind === 'calls' ? entry.count : 1
}

/** Whether an id of the stream, `milliseconds-sequence`, comes after another. */
export function isAfter(a: string, b: string): boolean {
  const [aTime = 0, aCount = 0] = a.split('-').map(Number)
  const [bTime = 0, bCount = 0] = b.split('-').map(Number)
  return aTime === bTime ? aCount > bCount : aTime > bTime
}

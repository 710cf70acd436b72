import type { CallNote } from './notes.ts'

/** A call as the ledger has it. */
export interface LedgerCall {
  readonly id: string
  /** In tokens. */
  readonly charged: number
  readonly isEstimated: boolean
}

export interface Verdict {
  /** Calls that were charged what the provider produced. */
  readonly exact: number
  /** Calls that were cut off, charged what they held, and marked so. */
  readonly estimated: number
  /** Calls that ended before anybody could note that they were let in: charged what they held, or nothing. */
  readonly unseen: number
  /** Calls that were let in and are not in the ledger. */
  readonly lost: number
  /** Calls that are in the ledger twice, or charged more than they held. */
  readonly doubled: number
  /** Calls that were charged neither what was produced nor, marked so, what they held. */
  readonly wrong: number
  /** What the ledger charged, in tokens. */
  readonly charged: number
  /** What the provider produced, in tokens. */
  readonly produced: number
}

/** Holds what is known from outside against the ledger. */
export function judge(notes: ReadonlyMap<string, CallNote>, calls: readonly LedgerCall[]): Verdict {
  const verdict = { exact: 0, estimated: 0, unseen: 0, lost: 0, doubled: 0, wrong: 0, charged: 0, produced: 0 }
  const seen = new Set<string>()
  for (const call of calls) {
    verdict.charged += call.charged
    const note = notes.get(call.id)
    if (seen.has(call.id)) verdict.doubled++
    else verdict[note === undefined ? 'unseen' : judgeOne(note, call)]++
    seen.add(call.id)
  }
  for (const [id, { produced = 0 }] of notes) {
    verdict.produced += produced
    if (!seen.has(id)) verdict.lost++
  }
  return verdict
}

function judgeOne({ bound, produced }: CallNote, { charged, isEstimated }: LedgerCall): 'exact' | 'estimated' | 'doubled' | 'wrong' {
  if (charged > bound) return 'doubled'
  if (!isEstimated && charged === produced) return 'exact'
  return isEstimated && charged === bound ? 'estimated' : 'wrong'
}

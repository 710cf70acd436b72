import type { Ending } from '../domain/call.ts'
import { rawText } from '../domain/usage/raw-text.ts'
import { NOT_UNDERSTOOD, type TokenCounts, type Usage, type Used } from '../domain/usage/usage.ts'
import type { AnswerReading } from '../providers/provider.ts'

/** Every way in which a call can end, once it was admitted. All of them meet in the pipeline, which settles in one place. */
export type CallEnd =
  /** The provider answered, to the end; `status` may be an error. */
  | { readonly kind: 'answered'; readonly status: number; readonly reading: AnswerReading }
  /** The provider's answer broke off. */
  | { readonly kind: 'cut'; readonly status: number; readonly reading: AnswerReading; readonly isTimeout: boolean }
  /** Bursar ended the answer, since no budget had room for more of it. */
  | { readonly kind: 'stopped'; readonly status: number; readonly reading: AnswerReading }
  /** The caller hung up; the provider's answer was cancelled. */
  | { readonly kind: 'client_gone'; readonly status?: number; readonly reading?: AnswerReading }
  /** The provider sent nothing back. */
  | { readonly kind: 'no_answer'; readonly isTimeout: boolean; readonly reason: string }

/** What the request's own text counts, for what a provider left out of its answer. */
export interface Estimates {
  readonly input: () => number
  readonly text: (text: string) => number
  /** True where the provider goes on working after it answered (background mode): its use can't be known from the answer. */
  readonly isBackground: boolean
}

/** What a call that ended so is charged. `held`: its whole hold. */
export function usageOf(end: CallEnd, estimates: Estimates): Usage | 'held' {
  switch (end.kind) {
    case 'no_answer':
      return { kind: 'none' }
    case 'client_gone':
      return end.reading === undefined
        ? { kind: 'estimated', counts: { input: estimates.input(), output: 0 }, why: 'the caller hung up before the answer began' }
        : usageOfReading(end.reading, estimates, 'the caller hung up')
    case 'cut':
      return usageOfReading(end.reading, estimates, 'the answer broke off')
    case 'stopped':
      return usageOfReading(end.reading, estimates, 'no budget had room for more of the answer')
    case 'answered':
      return end.status >= 400 ? usageOfError(end.reading) : usageOfAnswer(end.reading, estimates)
  }
}

/** How the ledger names that end. */
export function endingOf(end: CallEnd): Ending {
  switch (end.kind) {
    case 'no_answer':
      return end.isTimeout ? 'upstream_timeout' : 'upstream_unreachable'
    case 'client_gone':
      return 'client_gone'
    case 'cut':
      return end.isTimeout ? 'upstream_timeout' : 'upstream_unreachable'
    case 'stopped':
      return 'done'
    case 'answered':
      return end.status >= 400 || end.reading.isError ? 'provider_error' : 'done'
  }
}

function usageOfAnswer(reading: AnswerReading, estimates: Estimates): Usage | 'held' {
  if (!reading.isComplete && estimates.isBackground) return 'held'
  return usageOfReading(reading, estimates, 'the answer reported no usage')
}

function usageOfReading(reading: AnswerReading, estimates: Estimates, why: string): Usage {
  const known = knownOf(reading)
  if (reading.isComplete && reading.reported !== undefined) return { kind: 'reported', counts: reading.reported, ...known }
  if (reading.isError && isNothingProduced(reading)) return usageOfError(reading)
  const counts = estimatedCounts(reading, estimates)
  return { kind: 'estimated', counts, ...known, why: reading.isNotUnderstood === true ? NOT_UNDERSTOOD : (reading.standIn?.why ?? why) }
}

/** What is known beside the counts. */
function knownOf({ billing, raw }: AnswerReading): Pick<Used, 'billing' | 'raw'> {
  return { billing, raw: rawText(raw) }
}

function isNothingProduced({ produced, producedBeyond, standIn }: AnswerReading): boolean {
  return produced === '' && producedBeyond === 0 && standIn === undefined
}

function estimatedCounts(reading: AnswerReading, estimates: Estimates): TokenCounts {
  const { reported = {}, standIn, produced, producedBeyond } = reading
  const output = standIn?.output ?? (isNothingProduced(reading) ? 0 : estimates.text(produced) + producedBeyond)
  return { ...reported, input: reported.input ?? standIn?.input ?? estimates.input(), output: Math.max(reported.output ?? 0, output) }
}

/** A provider's own error costs what the provider says, and nothing where it says nothing. */
function usageOfError(reading: AnswerReading): Usage {
  const { reported } = reading
  return reported === undefined ? { kind: 'none' } : { kind: 'reported', counts: reported, ...knownOf(reading) }
}

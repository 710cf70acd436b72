import type { Ending } from '../domain/call.ts'
import { rawText } from '../domain/usage/raw-text.ts'
import { NOT_UNDERSTOOD, type TokenCounts, type Usage, type Used } from '../domain/usage/usage.ts'
import type { AnswerReading, EndingRules } from '../providers/provider.ts'

/** Every way in which a call can end, once it was admitted. All of them meet in the pipeline, which settles in one place. */
export type CallEnd =
  /** The provider answered, to the end; `status` may be an error. */
  | { readonly kind: 'answered'; readonly status: number; readonly reading: AnswerReading }
  /** The provider's answer broke off. */
  | { readonly kind: 'cut'; readonly status: number; readonly reading: AnswerReading; readonly isTimeout: boolean }
  /** Bursar ended the answer, since no budget had room for more of it. */
  | { readonly kind: 'stopped'; readonly status: number; readonly reading: AnswerReading }
  /** The caller hung up. `hasEnded`: the answer was read on to its end; else it was cancelled. */
  | { readonly kind: 'client_gone'; readonly status?: number; readonly reading?: AnswerReading; readonly hasEnded?: false }
  | { readonly kind: 'client_gone'; readonly status: number; readonly reading: AnswerReading; readonly hasEnded: true }
  /** The caller hung up before anything was sent to the provider. */
  | { readonly kind: 'not_sent' }
  /** The provider sent nothing back that could be passed on. */
  | { readonly kind: 'no_answer'; readonly isTimeout: boolean; readonly reason: string }
  /** A bug of Bursar's ended the call. */
  | { readonly kind: 'defect'; readonly error: unknown }

/** What stands in for what a provider left out of its answer. */
export interface Estimates {
  /** What the request's own text counts. */
  readonly input: () => number
  /** The input that the hold expected, where the request has more of it than text; undefined: it has not. */
  readonly inputUntold: () => number | undefined
  readonly text: (text: string) => number
  /** The output that the hold expected, in tokens of all choices. */
  readonly outputExpected: () => number
  /** True where the answer shows all that it used: what came is all there was. */
  readonly showsAll: boolean
  /** The most seconds of audio that the request has; absent: none. */
  readonly audioSeconds?: number | undefined
  readonly rules: EndingRules
  /** True where the provider goes on working after it answered (background mode): its use can't be known from the answer. */
  readonly isBackground: boolean
}

/** What a call that ended so is charged. `held`: its whole hold. */
export function usageOf(end: CallEnd, estimates: Estimates): Usage | 'held' {
  switch (end.kind) {
    case 'no_answer':
    case 'not_sent':
      return { kind: 'none' }
    case 'defect':
      return 'held'
    case 'client_gone':
      return usageAfterHangUp(end, estimates)
    case 'cut':
      // To a provider that works on, a deadline of Bursar's is a hang-up.
      if (end.isTimeout && !end.reading.isComplete && estimates.rules.billsAfterHangUp === true) return 'held'
      return usageOfReading(end.reading, estimates, 'the answer broke off')
    case 'stopped':
      return usageOfReading(end.reading, estimates, 'no budget had room for more of the answer')
    case 'answered':
      return usageOfEnd(end, estimates)
  }
}

/** How the ledger names that end. */
export function endingOf(end: CallEnd): Ending {
  switch (end.kind) {
    case 'no_answer':
      return end.isTimeout ? 'upstream_timeout' : 'upstream_unreachable'
    case 'client_gone':
    case 'not_sent':
      return 'client_gone'
    case 'defect':
      return 'defect'
    case 'cut':
      return end.isTimeout ? 'upstream_timeout' : 'upstream_unreachable'
    case 'stopped':
      return 'done'
    case 'answered':
      return end.status >= 400 || end.reading.isError ? 'provider_error' : 'done'
  }
}

/** An answer that came to its end. */
function usageOfEnd(
  { status, reading }: { readonly status: number; readonly reading: AnswerReading },
  estimates: Estimates,
): Usage | 'held' {
  if (status < 400) return usageOfAnswer(reading, estimates)
  const isBilled = reading.reported === undefined && estimates.rules.billsInputOfError?.(status, reading.errorCode ?? '') === true
  return isBilled
    ? { kind: 'estimated', counts: { input: { total: estimates.input() }, output: { total: 0 } }, why: BILLED_ERROR }
    : usageOfError(reading)
}

const BILLED_ERROR = 'the provider bills the input of such an error, and does not report it'

function usageAfterHangUp(end: CallEnd & { kind: 'client_gone' }, estimates: Estimates): Usage | 'held' {
  if (end.hasEnded === true) return usageOfEnd(end, estimates)
  const { reading = NOTHING_READ } = end
  if (reading.isComplete && reading.reported !== undefined) return usageOfReading(reading, estimates, '')
  // The provider works on, and bills all of it.
  if (estimates.rules.billsAfterHangUp === true) return 'held'
  const input = () => estimates.inputUntold() ?? estimates.input()
  return usageOfReading(estimates.showsAll ? reading : { ...reading, isUnread: true }, { ...estimates, input }, 'the caller hung up')
}

const NOTHING_READ: AnswerReading = { isComplete: false, produced: '', producedBeyond: 0, isError: false }

function usageOfAnswer(reading: AnswerReading, estimates: Estimates): Usage | 'held' {
  if (!reading.isComplete && estimates.isBackground) return 'held'
  return usageOfReading(reading, estimates, 'the answer reported no usage')
}

/** A report with counts that are not known may be of more than was read: it is charged, and an operator hears of it. */
function usageOfReport(reading: AnswerReading, counts: TokenCounts): Usage {
  const used = { counts, ...knownOf(reading) }
  return reading.hasUnknownCounts === true ? { kind: 'estimated', ...used, why: NOT_UNDERSTOOD } : { kind: 'reported', ...used }
}

function usageOfReading(reading: AnswerReading, estimates: Estimates, why: string): Usage {
  if (reading.isUnbilled === true) return { kind: 'none' }
  if (reading.isComplete && reading.reported !== undefined) return usageOfReport(reading, reading.reported)
  if (reading.isError && isNothingProduced(reading)) return usageOfError(reading)
  const counts = estimatedCounts(reading, estimates)
  return { kind: 'estimated', counts, ...knownOf(reading), why: whyOf(reading) ?? why }
}

/** What is known beside the counts. */
function knownOf({ billing, raw }: AnswerReading): Pick<Used, 'billing' | 'raw'> {
  return { billing, raw: rawText(raw) }
}

function whyOf({ isNotUnderstood, standIn }: AnswerReading): string | undefined {
  return isNotUnderstood === true ? NOT_UNDERSTOOD : standIn?.why
}

function isNothingProduced({ produced, producedBeyond, standIn }: AnswerReading): boolean {
  return produced === '' && producedBeyond === 0 && standIn === undefined
}

function outputSeen(reading: AnswerReading, { text }: Estimates): number {
  return isNothingProduced(reading) ? 0 : text(reading.produced) + reading.producedBeyond
}

/** Where the answer does not say how long the audio was, it was as long as it was held. */
function withSeconds(counts: TokenCounts, { audioSeconds }: Estimates): TokenCounts {
  return audioSeconds === undefined ? counts : { audioSeconds, ...counts }
}

function estimatedCounts(reading: AnswerReading, estimates: Estimates): TokenCounts {
  const { reported = {}, standIn, isUnread } = reading
  const seen = standIn?.output ?? outputSeen(reading, estimates)
  const output = Math.max(reported.output?.total ?? 0, seen, isUnread === true ? estimates.outputExpected() : 0)
  return {
    ...withSeconds(reported, estimates),
    input: { ...reported.input, total: reported.input?.total ?? standIn?.input ?? estimates.input() },
    output: { ...reported.output, total: output },
  }
}

/** A provider's own error costs what the provider says, and nothing where it says nothing. */
function usageOfError(reading: AnswerReading): Usage {
  const { reported } = reading
  return reported === undefined ? { kind: 'none' } : { kind: 'reported', counts: reported, ...knownOf(reading) }
}

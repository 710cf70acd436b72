/** How long the parts of a call may wait for each other. What no deadline covers is bounded by the provider's `timeout`. */
export interface Deadlines {
  /** A client that takes nothing of its answer for so long is given up. */
  readonly stallMs: number
  /** How long an answer is read on after its caller hung up. */
  readonly readOnMs: number
  /** From the request to the last byte of its answer, however steadily it comes. */
  readonly answerMs: number
}

/** Networks that lose a connection for longer do not keep it. */
const STALL_MS_MAX = 60_000
/** Answers that take longer are made in the background. */
const ANSWER_MS = 60 * 60_000

/** @param timeoutMs the provider's */
export function deadlinesOf(timeoutMs: number): Deadlines {
  return { stallMs: Math.min(timeoutMs, STALL_MS_MAX), readOnMs: timeoutMs, answerMs: Math.max(timeoutMs, ANSWER_MS) }
}

import { type AnswerParts, asObject } from '../answer.ts'

/**
 * Claude's refusals (https://platform.claude.com/docs/en/test-and-evaluate/strengthen-guardrails/handle-streaming-refusals): what
 * was produced before one is billed, and one before any output is not, whatever its usage says of the input.
 */
export function withRefusals(parts: AnswerParts): AnswerParts {
  let isRefused = false
  return {
    ...parts,
    event: (data) => {
      isRefused ||= asObject(data['delta'])?.['stop_reason'] === 'refusal'
      parts.event(data)
    },
    whole: (data) => {
      isRefused ||= data['stop_reason'] === 'refusal'
      parts.whole(data)
    },
    reading: () => {
      const reading = parts.reading()
      return isRefused && reading.isComplete && reading.reported?.output?.total === 0 ? { ...reading, isUnbilled: true } : reading
    },
  }
}

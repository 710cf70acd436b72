import { answerPieces, argumentPieces } from './answer-text.ts'
import type { Asked } from './simulated-request.ts'

export interface SimulatedEvent {
  /** The SSE event's name, in APIs that name them. */
  readonly event?: string
  /** A string goes out as it is, all else as JSON. */
  readonly data: unknown
  /** Output tokens that this event brings. */
  readonly tokens?: number
}

/** An answer as it goes out: one JSON body, or the events of a stream. */
export type SimulatedAnswer =
  | { readonly kind: 'whole'; readonly body: unknown; readonly outputTokens: number }
  | { readonly kind: 'events'; readonly events: readonly SimulatedEvent[] }

export const CREATED = 1_760_000_000

/** The pieces of one choice's answer: its text, or its tool call's arguments; one token each. */
export function piecesOf({ tool, outputTokens, seed }: Asked, choice = 0): readonly string[] {
  return tool === undefined ? answerPieces(outputTokens, seed + choice) : argumentPieces(outputTokens, seed + choice)
}

/** The usage of OpenAI's chat and completions APIs. */
export function openAiUsage({ inputTokens, cachedInputTokens }: Asked, outputTokens: number): unknown {
  return {
    prompt_tokens: inputTokens,
    completion_tokens: outputTokens,
    total_tokens: inputTokens + outputTokens,
    prompt_tokens_details: { cached_tokens: cachedInputTokens, audio_tokens: 0 },
    completion_tokens_details: { reasoning_tokens: 0, audio_tokens: 0 },
  }
}

export function numbered<T>(count: number, make: (index: number) => T): T[] {
  return Array.from({ length: count }, (_, index) => make(index))
}

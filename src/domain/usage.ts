import { isAmount } from './amount.ts'

/**
 * What a provider said that a call used. A field that it did not send is absent, which is not zero.
 * `cachedInput`, `cacheWrite` and `audioInput` are parts of `input`, `cacheWriteHour` (kept for an hour) is a part of
 * `cacheWrite`, `cachedAudioInput` is a part of `cachedInput` and of `audioInput`, `reasoning` and `audioOutput` are parts of
 * `output`; all in tokens.
 */
export interface TokenCounts {
  readonly input?: number
  readonly cachedInput?: number
  readonly cacheWrite?: number
  readonly cacheWriteHour?: number
  readonly audioInput?: number
  readonly cachedAudioInput?: number
  readonly output?: number
  readonly reasoning?: number
  readonly audioOutput?: number
}

/** Where the counts of a call come from. `none`: the call ended without any use (an error, a refusal by the provider). */
export type Usage =
  | { readonly kind: 'reported'; readonly counts: TokenCounts }
  | { readonly kind: 'estimated'; readonly counts: TokenCounts; readonly why: string }
  | { readonly kind: 'none' }

/** Why a call was estimated though its provider reported something: an operator should hear of it. */
export const NOT_UNDERSTOOD = 'the answer reported its usage in a form that is not understood'

/** The counts that are charged: every field a safe integer >= 0. */
export interface ChargedTokens {
  readonly input: number
  readonly cachedInput: number
  readonly cacheWrite: number
  readonly output: number
  readonly reasoning: number
}

export const NO_TOKENS: ChargedTokens = { input: 0, cachedInput: 0, cacheWrite: 0, output: 0, reasoning: 0 }

/**
 * The one rule that decides what is charged: a part that the provider did not name is 0, and a part is never more than its
 * whole (Azure Foundry reports 161 cached tokens of 24 input tokens; input minus cached would be negative).
 */
export function chargedTokens(usage: Usage): ChargedTokens {
  if (usage.kind === 'none') return NO_TOKENS
  const input = usage.counts.input ?? 0
  const output = usage.counts.output ?? 0
  return {
    input,
    cachedInput: Math.min(usage.counts.cachedInput ?? 0, input),
    cacheWrite: Math.min(usage.counts.cacheWrite ?? 0, input),
    output,
    reasoning: Math.min(usage.counts.reasoning ?? 0, output),
  }
}

/** All tokens of a call: input and output, each with its parts. */
export function totalTokens(tokens: ChargedTokens): number {
  return tokens.input + tokens.output
}

/** A count as providers send it: a safe integer >= 0, or a float without a fraction (Titan: 28.0). Anything else is absent. */
export function toCount(value: unknown): number | undefined {
  return typeof value === 'number' && isAmount(value) ? value : undefined
}

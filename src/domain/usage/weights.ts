import type { Amount } from '../amount.ts'
import type { ChargedTokens } from './usage.ts'

/** The weight of a token that counts as one: weights are thousandths. */
export const WEIGHT_ONE = 1000

/** What a token of each part counts in a budget, in thousandths; absent: {@link WEIGHT_ONE}, `reasoning` as `output`. */
export interface Weights {
  readonly input?: number
  readonly cachedInput?: number
  readonly cacheWrite?: number
  readonly output?: number
  readonly reasoning?: number
}

/**
 * A call's tokens, each part by its weight, rounded once, half up. Where cached and written parts overlap, a token is cached.
 */
export function weightedTokens(tokens: ChargedTokens, weights: Weights): Amount {
  const { input = WEIGHT_ONE, cachedInput = WEIGHT_ONE, cacheWrite = WEIGHT_ONE, output = WEIGHT_ONE, reasoning = output } = weights
  const written = Math.min(tokens.cacheWrite, tokens.input - tokens.cachedInput)
  const milli =
    (tokens.input - tokens.cachedInput - written) * input +
    tokens.cachedInput * cachedInput +
    written * cacheWrite +
    (tokens.output - tokens.reasoning) * output +
    tokens.reasoning * reasoning
  return Math.floor((milli + WEIGHT_ONE / 2) / WEIGHT_ONE)
}

/** The most that an input token can count, whichever part of the input it turns out to be. */
export function dearestInputMilli({ input = WEIGHT_ONE, cachedInput = WEIGHT_ONE, cacheWrite = WEIGHT_ONE }: Weights): number {
  return Math.max(input, cachedInput, cacheWrite)
}

/** The most that an output token can count. */
export function dearestOutputMilli({ output = WEIGHT_ONE, reasoning = output }: Weights): number {
  return Math.max(output, reasoning)
}

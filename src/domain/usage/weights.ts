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
export function weightedTokens({ input, output }: ChargedTokens, weights: Weights): Amount {
  const { input: plain = WEIGHT_ONE, cachedInput = WEIGHT_ONE, cacheWrite = WEIGHT_ONE, output: produced = WEIGHT_ONE } = weights
  const { reasoning = produced } = weights
  const written = Math.min(input.cacheWrite, input.total - input.cached)
  const milli =
    (input.total - input.cached - written) * plain +
    input.cached * cachedInput +
    written * cacheWrite +
    (output.total - output.reasoning) * produced +
    output.reasoning * reasoning
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

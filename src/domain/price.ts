import type { Amount } from './amount.ts'
import { assert } from './defect.ts'
import type { ChargedTokens } from './usage.ts'

/**
 * A model's price as integers: pico-USD (1e-12 USD) per token, which is micro-USD per million tokens, so that prices with six
 * decimals per million tokens are exact. Floats gave another nano-USD in 1.1 % of calls.
 */
export interface Price {
  readonly inputPico: number
  readonly cachedInputPico: number
  readonly cacheWritePico: number
  readonly outputPico: number
}

export const PICO_PER_NANO = 1000

/**
 * The cost of a call in nano-USD: the exact sum in pico-USD, rounded once, half up. Where a provider's cached and written
 * parts overlap (OpenRouter with Gemini: 2,161 + 2,161 of 2,168), the cached part is priced first, what is left of the input at the price of a write, and the plain rest is not below 0.
 * @throws Defect where the sum in pico-USD leaves the safe integers (9,007 USD for one call)
 */
export function costNanoUsd(tokens: ChargedTokens, price: Price): Amount {
  const cacheWrite = Math.min(tokens.cacheWrite, tokens.input - tokens.cachedInput)
  const plain = tokens.input - tokens.cachedInput - cacheWrite
  const pico =
    plain * price.inputPico +
    tokens.cachedInput * price.cachedInputPico +
    cacheWrite * price.cacheWritePico +
    tokens.output * price.outputPico
  assert(Number.isSafeInteger(pico), "a call's cost in pico-USD is a safe integer")
  return Math.floor((pico + PICO_PER_NANO / 2) / PICO_PER_NANO)
}

/** The most that one input token can cost, whichever part of the input it turns out to be. */
export function dearestInputPico(price: Price): number {
  return Math.max(price.inputPico, price.cachedInputPico, price.cacheWritePico)
}

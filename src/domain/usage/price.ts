import { type Amount, AMOUNT_MAX } from '../amount.ts'
import { type ChargedTokens, type InputTokens, type OutputTokens, totalTokens } from './usage.ts'

/**
 * What tokens cost, as integers: pico-USD (1e-12 USD) per token, which is micro-USD per million tokens, so that prices with six
 * decimals per million tokens are exact. Floats gave another nano-USD in 1.1 % of calls.
 */
export interface Rates {
  readonly inputPico: number
  readonly cachedInputPico: number
  readonly cacheWritePico: number
  readonly outputPico: number
  /** A cache write that is kept for an hour; absent: as any other. */
  readonly cacheWriteHourPico?: number
  /** Absent, here and below: as other input or output. */
  readonly audioInputPico?: number
  readonly cachedAudioInputPico?: number
  readonly imageInputPico?: number
  readonly cachedImageInputPico?: number
  readonly audioOutputPico?: number
  readonly imageOutputPico?: number
  readonly reasoningPico?: number
}

/** The class in which a provider answered, which has a price of its own; `regional`: in one region only. */
export type ServiceTier = (typeof TIER_NAMES)[number]
export const TIER_NAMES = ['batch', 'flex', 'priority', 'fast', 'regional', 'fast_regional', 'batch_regional'] as const

/** Numerator and denominator; positive integers. */
export type Fraction = readonly [number, number]

/** A model's price on one day. */
export interface Price extends Rates {
  /** The entry of the price list: `openai/gpt-5`; `config` for the config's own. */
  readonly source?: string
  /** The rates of all tokens of a call whose input has more tokens than `above`; ascending. */
  readonly longer?: readonly { readonly above: number; readonly rates: Rates }[]
  /** What a call in that class costs, as a fraction of the price: `[1, 2]` is half of it; absent: all of it. */
  readonly tiers?: Readonly<Partial<Record<ServiceTier, Fraction>>>
  /** For each call, beside its tokens. */
  readonly requestPico?: number
  /** For each search of the web that the provider made for the call. */
  readonly webSearchPico?: number
  /** For each second of audio, where audio is not counted in tokens. */
  readonly audioSecondPico?: number
}

export const PICO_PER_NANO = 1000

/** The rates of a call with so many input tokens. */
export function ratesAt(price: Price, input: number): Rates {
  return price.longer?.findLast(({ above }) => input > above)?.rates ?? price
}

/**
 * The cost of a call in nano-USD: the exact sum in pico-USD, rounded once, half up. Where a provider's cached and written
 * parts overlap (OpenRouter with Gemini: 2,161 + 2,161 of 2,168), the cached part is priced first, what is left of the input at the price of a write, and the plain rest is not below 0.
 * Beyond 9,007 USD for one call the sum in pico-USD leaves the safe integers, and the cost may be a nano-USD off.
 */
export function costNanoUsd(tokens: ChargedTokens, price: Price, tier?: ServiceTier): Amount {
  const rates = ratesAt(price, tokens.input.total)
  const pico = inputPico(tokens.input, rates) + outputPico(tokens.output, rates)
  const beside = besideTokensPico(tokens, price)
  const share = (tier === undefined ? undefined : price.tiers?.[tier]) ?? ALL
  const nano = share === ALL ? Math.floor((pico + beside + PICO_PER_NANO / 2) / PICO_PER_NANO) : nanoOfShare(pico, share, beside)
  return Math.min(nano, AMOUNT_MAX)
}

const ALL: Fraction = [1, 1]

function inputPico(input: InputTokens, rates: Rates): number {
  const { total, cached, audio, cachedAudio, image, cachedImage } = input
  const cacheWrite = Math.min(input.cacheWrite, total - cached)
  const writtenForHour = Math.min(input.cacheWriteHour, cacheWrite)
  const plain = total - cached - cacheWrite
  const plainAudio = Math.min(audio - cachedAudio, plain)
  const plainImage = Math.min(image - cachedImage, plain - plainAudio)
  return (
    (plain - plainAudio - plainImage) * rates.inputPico +
    plainAudio * (rates.audioInputPico ?? rates.inputPico) +
    plainImage * (rates.imageInputPico ?? rates.inputPico) +
    (cached - cachedAudio - cachedImage) * rates.cachedInputPico +
    cachedAudio * (rates.cachedAudioInputPico ?? rates.cachedInputPico) +
    cachedImage * (rates.cachedImageInputPico ?? rates.cachedInputPico) +
    (cacheWrite - writtenForHour) * rates.cacheWritePico +
    writtenForHour * (rates.cacheWriteHourPico ?? rates.cacheWritePico)
  )
}

function outputPico({ total, audio, image, reasoning }: OutputTokens, rates: Rates): number {
  const reasoned = Math.min(reasoning, total - audio - image)
  return (
    (total - audio - image - reasoned) * rates.outputPico +
    audio * (rates.audioOutputPico ?? rates.outputPico) +
    image * (rates.imageOutputPico ?? rates.outputPico) +
    reasoned * (rates.reasoningPico ?? rates.outputPico)
  )
}

function besideTokensPico(tokens: ChargedTokens, price: Price): number {
  const requests = totalTokens(tokens) > 0 ? tokens.requests : 0
  return (
    requests * (price.requestPico ?? 0) +
    tokens.webSearches * (price.webSearchPico ?? 0) +
    tokens.audioSeconds * (price.audioSecondPico ?? 0)
  )
}

/** As integers of any size: the product may leave the safe ones. What is paid beside tokens is paid whole. */
export function nanoOfShare(pico: number, [numerator, denominator]: Fraction, beside: number): Amount {
  const divisor = 2n * BigInt(PICO_PER_NANO) * BigInt(denominator)
  return Number((2n * (BigInt(pico) * BigInt(numerator) + BigInt(beside) * BigInt(denominator)) + divisor / 2n) / divisor)
}

const RATE_NAMES = [
  'inputPico', 'cachedInputPico', 'cacheWritePico', 'cacheWriteHourPico', 'audioInputPico', 'cachedAudioInputPico', 'imageInputPico',
  'cachedImageInputPico', 'outputPico', 'audioOutputPico', 'imageOutputPico', 'reasoningPico',
] as const // prettier-ignore
const BESIDE_TOKENS = ['requestPico', 'webSearchPico', 'audioSecondPico'] as const

/**
 * A price that no call at any of these prices passes: of each rate the highest, also above a border that only one of them has.
 * For bounds only; the parts of a call are charged at their own.
 * @param prices at least one
 */
export function dearestPrice(prices: readonly Price[]): Price {
  const borders = [...new Set(prices.flatMap(({ longer = [] }) => longer.map(({ above }) => above)))].sort((a, b) => a - b)
  const longer = borders.map((above) => ({ above, rates: dearestRates(prices.map((price) => ratesAt(price, above + 1))) }))
  return { ...dearestRates(prices), ...most(prices, BESIDE_TOKENS), longer, tiers: dearestTiers(prices) }
}

function dearestRates(rates: readonly Rates[]): Rates {
  return { inputPico: 0, cachedInputPico: 0, cacheWritePico: 0, outputPico: 0, ...most(rates, RATE_NAMES) }
}

/** The largest value of each name that one of them has. */
function most<Name extends string>(
  all: readonly { readonly [Key in Name]?: number }[],
  names: readonly Name[],
): { [Key in Name]?: number } {
  const largest: { [Key in Name]?: number } = {}
  for (const name of names) {
    for (const one of all) {
      const value = one[name]
      if (value !== undefined) largest[name] = Math.max(largest[name] ?? 0, value)
    }
  }
  return largest
}

function dearerOf(one: Fraction, other: Fraction): Fraction {
  return one[0] * other[1] > other[0] * one[1] ? one : other
}

function dearestTiers(prices: readonly Price[]): NonNullable<Price['tiers']> {
  const dearer: Partial<Record<ServiceTier, Fraction>> = {}
  for (const tier of TIER_NAMES) {
    for (const { tiers } of prices) {
      const share = tiers?.[tier]
      if (share !== undefined) dearer[tier] = dearerOf(share, dearer[tier] ?? ALL)
    }
  }
  return dearer
}

/** What a call may ask for that changes its price. */
export interface PriceClass {
  /** The most input tokens that it may have. */
  readonly input: number
  readonly tier?: ServiceTier | undefined
}

/** The most that one input token of a call can cost, whichever part of the input it turns out to be; rounded up. */
export function dearestInputPico(price: Price, call: PriceClass): number {
  return dearest(price, call, (rates) => [
    rates.inputPico,
    rates.cachedInputPico,
    rates.cacheWritePico,
    rates.cacheWriteHourPico,
    rates.audioInputPico,
    rates.cachedAudioInputPico,
    rates.imageInputPico,
    rates.cachedImageInputPico,
  ])
}

/** The most that one output token of a call can cost; rounded up. */
export function dearestOutputPico(price: Price, call: PriceClass): number {
  return dearest(price, call, (rates) => [rates.outputPico, rates.audioOutputPico, rates.imageOutputPico, rates.reasoningPico])
}

/** A class that is asked for may not be had: then the call is answered, and costs, as any other. */
function dearest(price: Price, { input, tier }: PriceClass, partsOf: (rates: Rates) => readonly (number | undefined)[]): number {
  let most = 0
  for (const pico of partsOf(price)) most = Math.max(most, pico ?? 0)
  for (const { above, rates } of price.longer ?? []) {
    if (input > above) for (const pico of partsOf(rates)) most = Math.max(most, pico ?? 0)
  }
  const [numerator, denominator] = (tier === undefined ? undefined : price.tiers?.[tier]) ?? ALL
  return numerator > denominator ? Math.ceil((most * numerator) / denominator) : most
}

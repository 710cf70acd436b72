import type { Amount } from '../amount.ts'
import { type Fraction, nanoOfShare, PICO_PER_NANO, type Price, type Rates, ratesAt, type ServiceTier, TIER_NAMES } from './price.ts'
import type { ChargedTokens, InputTokens, OutputTokens } from './usage.ts'

/*
 * A call's usage as the lines of a bill: each token, request, search or second stands in one line, under the price that it has.
 * The costs of a call's lines add up to the call's cost, to the nano-USD: a line costs what the running sum, rounded, grows by.
 */

/** What is charged for, in the order in which a call's cost is summed up. `call` is a whole call whose cost is not split. */
export const LINE_PARTS = [
  'input', 'cached_input', 'cache_write', 'cache_write_hour', 'audio_input', 'cached_audio_input', 'image_input', 'cached_image_input',
  'output', 'reasoning', 'audio_output', 'image_output', 'request', 'web_search', 'audio_second', 'call',
] as const // prettier-ignore

export type LinePart = (typeof LINE_PARTS)[number]

/** Those that are tokens of the input; likewise below. No token is in two of them. */
export const INPUT_PARTS: readonly LinePart[] = LINE_PARTS.slice(0, 8)
export const OUTPUT_PARTS: readonly LinePart[] = LINE_PARTS.slice(8, 12)

/**
 * Where a line's cost comes from. `price`: quantity times unit price, times the tier's share. `unpriced`: no price is known, and it is
 * 0. `stated`: the provider said what the call cost, which stands in the line `call`. `unsplit`: it does not follow from the parts
 * (a hold that was charged; a call from before its parts were kept), and stands there, too. In both, the other lines cost 0.
 */
export const LINE_BASES = ['price', 'unpriced', 'stated', 'unsplit'] as const
export type LineBasis = (typeof LINE_BASES)[number]

/** '' is the usual one; '?' was not kept. */
export const LINE_TIERS: readonly (ServiceTier | '' | '?')[] = ['', '?', ...TIER_NAMES]

/** What the lines of one call have in common beside its model and price. */
export interface LineTerms {
  readonly basis: LineBasis
  readonly tier: (typeof LINE_TIERS)[number]
  /** The price of calls with more input tokens than this; 0: the base price. */
  readonly above: number
}

/** What one call adds to a line. */
export interface PriceLine {
  readonly part: LinePart
  /** Tokens, requests, searches or seconds; of the part `call`, 1. */
  readonly quantity: number
  readonly costNanoUsd: Amount
}

export interface LinesOfCall {
  readonly terms: LineTerms
  readonly lines: readonly PriceLine[]
}

/** What is known of a call, or of one model's part of it. */
export interface Priced {
  readonly tokens: ChargedTokens
  readonly price: Price | undefined
  readonly tier: ServiceTier | undefined | '?'
  /** True where the provider itself said the cost. */
  readonly isStated: boolean
  readonly costNanoUsd: Amount
}

/** The lines of a call; none where it used nothing and cost nothing. The sum of their costs is its cost, always. */
export function priceLinesOf({ tokens, price, tier, isStated, costNanoUsd }: Priced): LinesOfCall {
  const above = price === undefined ? 0 : borderBelow(price, tokens.input.total)
  const terms = (basis: LineBasis): LineTerms => ({ basis, tier: tier ?? '', above })
  const quantities = quantitiesOf(tokens, price?.requestPico)
  if (isStated) return { terms: terms('stated'), lines: unsplit(quantities, costNanoUsd) }
  if (price === undefined) return { terms: terms(costNanoUsd === 0 ? 'unpriced' : 'unsplit'), lines: unsplit(quantities, costNanoUsd) }
  const lines = split(quantities, unitsAt(price, above), ofTier(price, tier))
  if (lines === undefined || sumOf(lines) !== costNanoUsd) return { terms: terms('unsplit'), lines: unsplit(quantities, costNanoUsd) }
  return { terms: terms('price'), lines }
}

/** The border of the context band in which so much input lies; 0: below all of them. */
function borderBelow(price: Price, input: number): number {
  return price.longer?.findLast(({ above }) => input > above)?.above ?? 0
}

/** What a tier's price of that part is of the usual one; undefined: all of it, as of what is paid beside tokens. */
export function shareOf(price: Price, tier: LineTerms['tier'] | undefined, part: LinePart): Fraction | undefined {
  return LINE_PARTS.indexOf(part) >= BESIDE_TOKENS ? undefined : ofTier(price, tier)
}

/** Where the parts begin that are no tokens. */
const BESIDE_TOKENS = INPUT_PARTS.length + OUTPUT_PARTS.length

function ofTier(price: Price, tier: LineTerms['tier'] | undefined): Fraction | undefined {
  return tier === undefined || tier === '' || tier === '?' ? undefined : price.tiers?.[tier]
}

/** The rate of each part, and the one that stands in where a price does not have it; in the order of {@link LINE_PARTS}. */
const RATES: readonly (readonly [keyof Rates, keyof Rates])[] = [
  ['inputPico', 'inputPico'],
  ['cachedInputPico', 'cachedInputPico'],
  ['cacheWritePico', 'cacheWritePico'],
  ['cacheWriteHourPico', 'cacheWritePico'],
  ['audioInputPico', 'inputPico'],
  ['cachedAudioInputPico', 'cachedInputPico'],
  ['imageInputPico', 'inputPico'],
  ['cachedImageInputPico', 'cachedInputPico'],
  ['outputPico', 'outputPico'],
  ['reasoningPico', 'outputPico'],
  ['audioOutputPico', 'outputPico'],
  ['imageOutputPico', 'outputPico'],
]

/** Many calls have one price. */
const unitsOf = new WeakMap<Price, Map<number, readonly number[]>>()

/** The unit price of each part in pico-USD, before a tier's share, in the order of {@link LINE_PARTS}. */
export function unitsAt(price: Price, above: number): readonly number[] {
  const bands = unitsOf.get(price) ?? new Map<number, readonly number[]>()
  const known = bands.get(above)
  if (known !== undefined) return known
  const rates = ratesAt(price, above === 0 ? 0 : above + 1)
  const { requestPico = 0, webSearchPico = 0, audioSecondPico = 0 } = price
  const units = [...RATES.map(([own, other]) => rates[own] ?? rates[other] ?? 0), requestPico, webSearchPico, audioSecondPico, 0]
  unitsOf.set(price, bands.set(above, units))
  return units
}

/**
 * In the order of {@link LINE_PARTS}. Where cached and written parts overlap, a token is cached. Requests have a line where they
 * have a price, or are many.
 */
function quantitiesOf({ input, output, webSearches, audioSeconds, requests }: ChargedTokens, requestPico = 0): readonly number[] {
  const isUsed = input.total > 0 || output.total > 0
  const shown = isUsed && (requestPico > 0 || requests > 1) ? requests : 0
  const quantities: number[] = []
  addInput(quantities, input)
  addOutput(quantities, output)
  quantities.push(shown, webSearches, audioSeconds, 0)
  return quantities
}

function addInput(quantities: number[], input: InputTokens): void {
  const { total, cached, cachedAudio, cachedImage } = input
  const cacheWrite = Math.min(input.cacheWrite, total - cached)
  const forHour = Math.min(input.cacheWriteHour, cacheWrite)
  const plain = total - cached - cacheWrite
  const audio = Math.min(input.audio - cachedAudio, plain)
  const image = Math.min(input.image - cachedImage, plain - audio)
  const text = plain - audio - image
  const cachedText = cached - cachedAudio - cachedImage
  quantities.push(text, cachedText, cacheWrite - forHour, forHour, audio, cachedAudio, image, cachedImage)
}

function addOutput(quantities: number[], { total, reasoning, audio, image }: OutputTokens): void {
  const text = total - audio - image
  const reasoned = Math.min(reasoning, text)
  quantities.push(text - reasoned, reasoned, audio, image)
}

/** @returns undefined where the sum in pico-USD leaves the safe integers */
function split(quantities: readonly number[], units: readonly number[], share: Fraction | undefined): readonly PriceLine[] | undefined {
  const lines: PriceLine[] = []
  let pico = 0
  let beside = 0
  let before = 0
  for (let i = 0; i < LINE_PARTS.length; i++) {
    const part = LINE_PARTS[i]
    const quantity = quantities[i]
    if (part === undefined || quantity === undefined || quantity === 0) continue
    const own = quantity * (units[i] ?? 0)
    if (i >= BESIDE_TOKENS) beside += own
    else pico += own
    const nano = roundedNano(pico, beside, share)
    lines.push({ part, quantity, costNanoUsd: nano - before })
    before = nano
  }
  return Number.isSafeInteger(pico + beside) ? lines : undefined
}

function sumOf(lines: readonly PriceLine[]): Amount {
  let sum = 0
  for (const { costNanoUsd } of lines) sum += costNanoUsd
  return sum
}

function unsplit(quantities: readonly number[], costNanoUsd: Amount): readonly PriceLine[] {
  const lines: PriceLine[] = []
  for (const [i, part] of LINE_PARTS.entries()) {
    const quantity = quantities[i] ?? 0
    if (quantity > 0) lines.push({ part, quantity, costNanoUsd: 0 })
  }
  if (costNanoUsd !== 0) lines.push({ part: 'call', quantity: 1, costNanoUsd })
  return lines
}

/** Half up, as a call's cost. */
function roundedNano(pico: number, beside: number, share: Fraction | undefined): number {
  return share === undefined ? Math.floor((pico + beside + PICO_PER_NANO / 2) / PICO_PER_NANO) : nanoOfShare(pico, share, beside)
}

import { type Amount, isAmount } from '../amount.ts'
import type { Price, ServiceTier } from './price.ts'

/**
 * What a provider said that a call used. A field that it did not send is absent, which is not zero.
 * `cachedInput`, `cacheWrite`, `audioInput` and `imageInput` are parts of `input`, `cacheWriteHour` (kept for an hour) is a part
 * of `cacheWrite`, `cachedAudioInput` is a part of `cachedInput` and of `audioInput`, likewise `cachedImageInput`; `reasoning`,
 * `audioOutput` and `imageOutput` are parts of `output`. All in tokens, but for `webSearches` (the provider's own searches of
 * the web), `audioSeconds` (audio that the provider counts by its length) and `requests` (a batch has many; absent: 1).
 */
export type TokenCounts = { readonly [Part in keyof ChargedTokens]?: number }

/** What an answer says beside its counts about what it costs. */
export interface Billing {
  /** The class in which the provider answered; absent: its usual one. */
  readonly tier?: ServiceTier
  /** What the provider itself says that the call cost, in nano-USD. */
  readonly costNanoUsd?: Amount
}

/**
 * A part of an answer that another model made, or that another meter of the provider counts: a fallback, an advisor, a tool that
 * makes images. It is charged beside the call's own counts, at its own price.
 */
export interface OtherPart {
  /** As it is named towards the provider. */
  readonly model: string
  readonly counts: TokenCounts
  readonly billing?: Billing | undefined
  /** The model's price when the call was admitted; absent where none is known: then the call's own price stands in. */
  readonly price?: Price | undefined
}

/** What was used, and what is known of its price. */
export interface Used {
  /** The call's own: those of the model that it was sent to. */
  readonly counts: TokenCounts
  readonly billing?: Billing | undefined
  readonly others?: readonly OtherPart[] | undefined
  /** What the provider itself reported, as JSON text of at most 4,096 characters (`rawText`); never a prompt. */
  readonly raw?: string | undefined
}

/** Where the counts of a call come from. `none`: the call ended without any use (an error, a refusal by the provider). */
export type Usage =
  | ({ readonly kind: 'reported' } & Used)
  | ({ readonly kind: 'estimated'; readonly why: string } & Used)
  | { readonly kind: 'none' }

/** Why a call was estimated though its provider reported something: an operator should hear of it. */
export const NOT_UNDERSTOOD = 'the answer reported its usage in a form that is not understood'

/** The names of all counts. */
export const PARTS = [
  'input', 'cachedInput', 'cacheWrite', 'cacheWriteHour', 'audioInput', 'cachedAudioInput', 'imageInput', 'cachedImageInput',
  'output', 'reasoning', 'audioOutput', 'imageOutput', 'webSearches', 'audioSeconds', 'requests',
] as const // prettier-ignore

/** The counts that are charged: every field a safe integer >= 0, no part more than its whole. */
export type ChargedTokens = { readonly [Part in (typeof PARTS)[number]]: number }

export const NO_TOKENS: ChargedTokens = {
  input: 0,
  cachedInput: 0,
  cacheWrite: 0,
  cacheWriteHour: 0,
  audioInput: 0,
  cachedAudioInput: 0,
  imageInput: 0,
  cachedImageInput: 0,
  output: 0,
  reasoning: 0,
  audioOutput: 0,
  imageOutput: 0,
  webSearches: 0,
  audioSeconds: 0,
  requests: 0,
}

/** What a call is charged in all: its own tokens and those of the other parts. Its requests are its own. */
export function chargedTokens(usage: Usage): ChargedTokens {
  if (usage.kind === 'none') return NO_TOKENS
  const own = chargedCounts(usage.counts)
  return usage.others === undefined ? own : usage.others.reduce((sum, { counts }) => addCharged(sum, chargedCounts(counts)), own)
}

/** The tokens of two parts of one call: as many requests as the larger of them says. */
export function addCharged(one: ChargedTokens, other: ChargedTokens): ChargedTokens {
  const sum: { -readonly [Part in keyof ChargedTokens]: number } = { ...one }
  for (const part of PARTS) sum[part] += other[part]
  sum.requests = Math.max(one.requests, other.requests)
  return sum
}

/**
 * The one rule that decides what counts are charged: a part that the provider did not name is 0, and a part is never more than its
 * whole (Azure Foundry reports 161 cached tokens of 24 input tokens; input minus cached would be negative).
 */
export function chargedCounts(counts: TokenCounts): ChargedTokens {
  const part = (count: number | undefined, whole: number) => (count === undefined ? 0 : Math.min(count, whole))
  const input = counts.input ?? 0
  const output = counts.output ?? 0
  const cachedInput = part(counts.cachedInput, input)
  const cacheWrite = part(counts.cacheWrite, input)
  const audioInput = part(counts.audioInput, input)
  const imageInput = part(counts.imageInput, input - audioInput)
  const cachedAudioInput = part(counts.cachedAudioInput, Math.min(cachedInput, audioInput))
  const audioOutput = part(counts.audioOutput, output)
  return {
    input,
    cachedInput,
    cacheWrite,
    cacheWriteHour: part(counts.cacheWriteHour, cacheWrite),
    audioInput,
    cachedAudioInput,
    imageInput,
    cachedImageInput: part(counts.cachedImageInput, Math.min(cachedInput - cachedAudioInput, imageInput)),
    output,
    reasoning: part(counts.reasoning, output),
    audioOutput,
    imageOutput: part(counts.imageOutput, output - audioOutput),
    webSearches: counts.webSearches ?? 0,
    audioSeconds: counts.audioSeconds ?? 0,
    requests: counts.requests ?? 1,
  }
}

/** The counts of two answers together. */
export function addCounts(one: TokenCounts, other: TokenCounts): TokenCounts {
  const sum: { -readonly [Part in keyof ChargedTokens]?: number } = { ...one }
  for (const part of PARTS) {
    const count = other[part]
    if (count !== undefined) sum[part] = (sum[part] ?? 0) + count
  }
  return sum
}

/** All tokens of a call: input and output, each with its parts. */
export function totalTokens(tokens: ChargedTokens): number {
  return tokens.input + tokens.output
}

/** A count as providers send it: a safe integer >= 0, or a float without a fraction (Titan: 28.0). Anything else is absent. */
export function toCount(value: unknown): number | undefined {
  return typeof value === 'number' && isAmount(value) ? value : undefined
}

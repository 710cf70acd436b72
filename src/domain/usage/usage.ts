import { type Amount, isAmount, plus } from '../amount.ts'
import type { Price, ServiceTier } from './price.ts'

/** The tokens that a model read. All but `total` are parts of it; a part that has a part of its own says so. */
export interface InputTokens {
  readonly total: number
  /** Read from a cache. */
  readonly cached: number
  readonly cacheWrite: number
  /** Kept for an hour; a part of `cacheWrite`. */
  readonly cacheWriteHour: number
  readonly audio: number
  /** A part of `cached` and of `audio`. */
  readonly cachedAudio: number
  readonly image: number
  /** A part of `cached` and of `image`. */
  readonly cachedImage: number
}

/** The tokens that a model produced. All but `total` are parts of it. */
export interface OutputTokens {
  readonly total: number
  readonly reasoning: number
  readonly audio: number
  readonly image: number
}

/** What is counted otherwise than in tokens. */
interface BesideTokens {
  /** The provider's own searches of the web. */
  readonly webSearches: number
  /** Audio that the provider counts by its length. */
  readonly audioSeconds: number
  /** A batch has many. */
  readonly requests: number
}

/** The counts that are charged: every field a safe integer >= 0, no part more than its whole. */
export interface ChargedTokens extends BesideTokens {
  readonly input: InputTokens
  readonly output: OutputTokens
}

/** What a provider said that a call used. A field that it did not send is absent, which is not zero. */
export interface TokenCounts extends Partial<BesideTokens> {
  readonly input?: Partial<InputTokens>
  readonly output?: Partial<OutputTokens>
}

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

const INPUT_PARTS = ['total', 'cached', 'cacheWrite', 'cacheWriteHour', 'audio', 'cachedAudio', 'image', 'cachedImage'] as const
const OUTPUT_PARTS = ['total', 'reasoning', 'audio', 'image'] as const
const BESIDE_TOKENS = ['webSearches', 'audioSeconds', 'requests'] as const

const NO_INPUT: InputTokens = {
  total: 0,
  cached: 0,
  cacheWrite: 0,
  cacheWriteHour: 0,
  audio: 0,
  cachedAudio: 0,
  image: 0,
  cachedImage: 0,
}
const NO_OUTPUT: OutputTokens = { total: 0, reasoning: 0, audio: 0, image: 0 }

export const NO_TOKENS: ChargedTokens = { input: NO_INPUT, output: NO_OUTPUT, webSearches: 0, audioSeconds: 0, requests: 0 }

/** What a call is charged in all: its own tokens and those of the other parts. Its requests are its own. */
export function chargedTokens(usage: Usage): ChargedTokens {
  if (usage.kind === 'none') return NO_TOKENS
  const own = chargedCounts(usage.counts)
  return usage.others === undefined ? own : usage.others.reduce((all, { counts }) => addCharged(all, chargedCounts(counts)), own)
}

/** The tokens of two parts of one call: as many requests as the larger of them says. */
export function addCharged(one: ChargedTokens, other: ChargedTokens): ChargedTokens {
  return {
    input: { ...NO_INPUT, ...merged(INPUT_PARTS, [one.input, other.input], plus) },
    output: { ...NO_OUTPUT, ...merged(OUTPUT_PARTS, [one.output, other.output], plus) },
    webSearches: plus(one.webSearches, other.webSearches),
    audioSeconds: plus(one.audioSeconds, other.audioSeconds),
    requests: Math.max(one.requests, other.requests),
  }
}

/**
 * The one rule that decides what counts are charged: a part that the provider did not name is 0, and a part is never more than its
 * whole (Azure Foundry reports 161 cached tokens of 24 input tokens; input minus cached would be negative).
 */
export function chargedCounts({ input, output, webSearches = 0, audioSeconds = 0, requests = 1 }: TokenCounts): ChargedTokens {
  return {
    input: input === undefined ? NO_INPUT : chargedInput(input),
    output: output === undefined ? NO_OUTPUT : chargedOutput(output),
    webSearches,
    audioSeconds,
    requests,
  }
}

function chargedInput(input: Partial<InputTokens>): InputTokens {
  const { total = 0 } = input
  const cached = partOf(input.cached, total)
  const cacheWrite = partOf(input.cacheWrite, total)
  const audio = partOf(input.audio, total)
  const image = partOf(input.image, total - audio)
  const cachedAudio = partOf(input.cachedAudio, Math.min(cached, audio))
  const cachedImage = partOf(input.cachedImage, Math.min(cached - cachedAudio, image))
  return { total, cached, cacheWrite, cacheWriteHour: partOf(input.cacheWriteHour, cacheWrite), audio, cachedAudio, image, cachedImage }
}

function chargedOutput(output: Partial<OutputTokens>): OutputTokens {
  const { total = 0 } = output
  const audio = partOf(output.audio, total)
  return { total, reasoning: partOf(output.reasoning, total), audio, image: partOf(output.image, total - audio) }
}

function partOf(count: number | undefined, whole: number): number {
  return count === undefined ? 0 : Math.min(count, whole)
}

/** The counts of two answers together. */
export function addCounts(one: TokenCounts, other: TokenCounts): TokenCounts {
  return mergeCounts(one, other, plus)
}

/** Count by count the larger of two reports: what is cumulative never falls. */
export function largerCounts(one: TokenCounts, other: TokenCounts): TokenCounts {
  return mergeCounts(one, other, Math.max)
}

/** Count by count the later of two reports, unless it is zero: a call has no less than some of what it had. */
export function laterCounts(one: TokenCounts, later: TokenCounts): TokenCounts {
  return mergeCounts(one, later, (before, after) => (after === 0 ? before : after))
}

type Merge = (a: number, b: number) => number

function mergeCounts(one: TokenCounts, other: TokenCounts, merge: Merge): TokenCounts {
  const input = merged(INPUT_PARTS, [one.input, other.input], merge)
  const output = merged(OUTPUT_PARTS, [one.output, other.output], merge)
  const beside = merged(BESIDE_TOKENS, [one, other], merge)
  return { ...(input === undefined ? {} : { input }), ...(output === undefined ? {} : { output }), ...beside }
}

/** Undefined where neither of them counts anything. */
function merged<Name extends string>(
  names: readonly Name[],
  [one, other]: readonly [{ readonly [Key in Name]?: number } | undefined, { readonly [Key in Name]?: number } | undefined],
  merge: Merge,
): { [Key in Name]?: number } | undefined {
  if (one === undefined && other === undefined) return undefined
  const all: { [Key in Name]?: number } = {}
  for (const name of names) {
    const [a, b] = [one?.[name], other?.[name]]
    const value = a === undefined || b === undefined ? (a ?? b) : merge(a, b)
    if (value !== undefined) all[name] = value
  }
  return all
}

/** All tokens of a call: input and output, each with its parts. */
export function totalTokens(tokens: ChargedTokens): number {
  return tokens.input.total + tokens.output.total
}

/** A million times the largest context window; the sums of what one call reports stay safe integers. */
const COUNT_MAX = 1e12

/**
 * A count as providers send it: a whole number from 0 to 10^12, or a float without a fraction (Titan: 28.0). Anything else is absent,
 * as if it had not been sent.
 */
export function toCount(value: unknown): number | undefined {
  return typeof value === 'number' && isAmount(value) && value <= COUNT_MAX ? value : undefined
}

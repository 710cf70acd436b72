import { calcPrice, findProvider, type ModelPrice } from '@pydantic/genai-prices'
import type { EpochMs } from '../../domain/instant.ts'
import type { Price, Rates } from '../../domain/usage/price.ts'
import { serviceTiers } from './service-tiers.ts'

/** A provider's USD for a million tokens as pico-USD per token; six decimals are exact. */
const PICO_PER_TOKEN = 1e6
/** For a thousand calls or searches. */
const PICO_PER_KILO = 1e9
const PICO_PER_USD = 1e12
const SECONDS_PER_HOUR = 3600

/** The lists that an API's models are priced by where its address is not known. */
const LIST_OF_API: Readonly<Record<string, string>> = {
  openai: 'openai',
  anthropic: 'anthropic',
  gemini: 'google',
  vertex: 'google',
  bedrock: 'aws',
  azure: 'azure',
  cohere: 'cohere',
}

/**
 * The price list that a provider's models are in (an id of `@pydantic/genai-prices`): by its address, else by its name in the
 * config, else by its API; undefined where none is known, as for models on one's own machines behind `api: ollama`.
 */
export function priceListOf(provider: { readonly name: string; readonly api: string; readonly baseUrl: string }): string | undefined {
  const byAddress = findProvider({ providerApiUrl: provider.baseUrl })?.id
  return byAddress ?? findProvider({ providerId: provider.name })?.id ?? LIST_OF_API[provider.api]
}

/**
 * The list price of a model at that instant, by the name under which the provider knows it; undefined where it has none.
 * An entry without any rate is a free model's.
 */
export function listPrice(list: string, model: string, at: EpochMs): Price | undefined {
  const found = calcPrice({}, model, { providerId: list, timestamp: new Date(at) })
  return found === null ? undefined : toPrice(found.model_price, { list: found.provider.id, model: found.model.id })
}

function toPrice(prices: ModelPrice, { list, model }: { readonly list: string; readonly model: string }): Price | undefined {
  if (!isPriced(prices)) return undefined
  const isClaude = model.includes('claude')
  const longer = bordersOf(prices).map((above) => ({ above, rates: ratesOf(prices, above + 1, isClaude) }))
  const tiers = serviceTiers(list, model)
  return {
    source: `${list}/${model}`,
    ...ratesOf(prices, 0, isClaude),
    ...(longer.length === 0 ? {} : { longer }),
    ...(tiers === undefined ? {} : { tiers }),
    ...flat('requestPico', prices['requests_kcount'], PICO_PER_KILO),
    ...flat('webSearchPico', prices['web_searches_kcount'], PICO_PER_KILO),
    ...flat('audioSecondPico', prices['audio_hours'] ?? prices['input_audio_hours'], PICO_PER_USD / SECONDS_PER_HOUR),
  }
}

/** By tokens or seconds, or free; what is priced by pages or messages only can't be counted from an answer. */
function isPriced(prices: ModelPrice): boolean {
  const names = Object.keys(prices).filter((name) => prices[name] !== undefined)
  return names.length === 0 || 'input_mtok' in prices || 'output_mtok' in prices || 'audio_hours' in prices
}

type Entry = ModelPrice[string]

function flat<Name extends 'requestPico' | 'webSearchPico' | 'audioSecondPico'>(
  name: Name,
  entry: Entry,
  picoPerUnit: number,
): { readonly [Key in Name]?: number } {
  return typeof entry === 'number' ? named(name, Math.round(entry * picoPerUnit)) : {}
}

function named<Name extends string>(name: Name, value: number): { readonly [Key in Name]?: number } {
  const record: { [Key in Name]?: number } = {}
  record[name] = value
  return record
}

/** The numbers of input tokens above which some rate changes, ascending. */
function bordersOf(prices: ModelPrice): readonly number[] {
  const starts = Object.values(prices).flatMap((entry) => (typeof entry === 'object' ? entry.tiers.map(({ start }) => start) : []))
  return [...new Set(starts)].sort((a, b) => a - b)
}

/** An entry's rate for a call of so many input tokens. */
function rateOf(entry: Entry, input: number): number | undefined {
  if (entry === undefined) return undefined
  const usd = typeof entry === 'number' ? entry : (entry.tiers.findLast(({ start }) => input > start)?.price ?? entry.base)
  return Math.round(usd * PICO_PER_TOKEN)
}

const PARTS = [
  ['cacheWriteHourPico', 'cache_write_1h_mtok'],
  ['audioInputPico', 'input_audio_mtok'],
  ['cachedAudioInputPico', 'cache_audio_read_mtok'],
  ['imageInputPico', 'input_image_mtok'],
  ['cachedImageInputPico', 'cache_image_read_mtok'],
  ['audioOutputPico', 'output_audio_mtok'],
  ['imageOutputPico', 'output_image_mtok'],
  ['reasoningPico', 'output_reasoning_mtok'],
] as const

function ratesOf(prices: ModelPrice, input: number, isClaude: boolean): Rates {
  const inputPico = rateOf(prices['input_mtok'], input) ?? 0
  const parts: { -readonly [Name in keyof Rates]?: Rates[Name] } = {}
  for (const [name, key] of PARTS) {
    const pico = rateOf(prices[key], input)
    if (pico !== undefined) parts[name] = pico
  }
  // A write for an hour is twice the input at every seller of Claude; some lists leave it out
  // (https://docs.anthropic.com/en/docs/build-with-claude/prompt-caching#pricing).
  if (isClaude) parts.cacheWriteHourPico ??= 2 * inputPico
  return {
    ...parts,
    inputPico,
    cachedInputPico: rateOf(prices['cache_read_mtok'], input) ?? inputPico,
    cacheWritePico: rateOf(prices['cache_write_mtok'], input) ?? inputPico,
    outputPico: rateOf(prices['output_mtok'], input) ?? 0,
  }
}

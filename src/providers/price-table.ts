import type { Price } from '../domain/price.ts'

/**
 * List prices in USD per million tokens: input, cached input, cache write, output. A short list of models in wide use, from
 * https://openai.com/api/pricing and https://docs.anthropic.com/en/docs/about-claude/pricing (standard tier, up to 200,000
 * tokens of context); what is not here, or priced otherwise, belongs into `prices` of the config.
 */
const LIST_PRICES: Readonly<Record<string, readonly [number, number, number, number]>> = {
  'gpt-4o': [2.5, 1.25, 2.5, 10],
  'gpt-4o-mini': [0.15, 0.075, 0.15, 0.6],
  'gpt-4.1': [2, 0.5, 2, 8],
  'gpt-4.1-mini': [0.4, 0.1, 0.4, 1.6],
  'gpt-4.1-nano': [0.1, 0.025, 0.1, 0.4],
  'gpt-5': [1.25, 0.125, 1.25, 10],
  'gpt-5-mini': [0.25, 0.025, 0.25, 2],
  'gpt-5-nano': [0.05, 0.005, 0.05, 0.4],
  o3: [2, 0.5, 2, 8],
  'o4-mini': [1.1, 0.275, 1.1, 4.4],
  'text-embedding-3-small': [0.02, 0.02, 0.02, 0],
  'text-embedding-3-large': [0.13, 0.13, 0.13, 0],
  'claude-3-5-haiku': [0.8, 0.08, 1, 4],
  'claude-haiku-4-5': [1, 0.1, 1.25, 5],
  'claude-sonnet-4': [3, 0.3, 3.75, 15],
  'claude-sonnet-4-5': [3, 0.3, 3.75, 15],
  'claude-opus-4': [15, 1.5, 18.75, 75],
  'claude-opus-4-1': [15, 1.5, 18.75, 75],
  'claude-opus-4-5': [5, 0.5, 6.25, 25],
}

const PICO_PER_TOKEN = 1e6

/** The list price of a model, also under a dated name (`gpt-4o-2024-08-06`, `claude-sonnet-4-20250514`). */
export function listPriceOf(model: string): Price | undefined {
  if (known.has(model)) return known.get(model)
  const price = findListPrice(model)
  if (known.size >= KNOWN_MAX) known.clear()
  known.set(model, price)
  return price
}

/** Models asked for lately; callers choose the names, so their number is bounded. */
const known = new Map<string, Price | undefined>()
const KNOWN_MAX = 1000

function findListPrice(model: string): Price | undefined {
  const name = model.replace(/-(?:\d{8}|\d{4}-\d{2}-\d{2}|latest|0)$/, '')
  if (!Object.hasOwn(LIST_PRICES, name)) return undefined
  const [input, cachedInput, cacheWrite, output] = (LIST_PRICES[name] ?? []).map((usd) => Math.round(usd * PICO_PER_TOKEN))
  if (input === undefined || cachedInput === undefined || cacheWrite === undefined || output === undefined) return undefined
  return { inputPico: input, cachedInputPico: cachedInput, cacheWritePico: cacheWrite, outputPico: output }
}

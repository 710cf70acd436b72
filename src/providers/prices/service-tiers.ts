import type { Fraction, Price } from '../../domain/usage/price.ts'

const HALF: Fraction = [1, 2]
const DOUBLE: Fraction = [2, 1]

/**
 * What OpenAI's priority class costs, by the beginning of a model's name, the longest match first; other models: twice the
 * price (https://openai.com/api-priority-processing).
 */
const OPENAI_PRIORITY: readonly (readonly [prefix: string, share: Fraction])[] = [
  ['gpt-4.1-nano', DOUBLE],
  ['gpt-4.1', [7, 4]],
  ['gpt-4o-2024-05-13', [7, 4]],
  ['gpt-4o-mini', [5, 3]],
  ['gpt-4o', [17, 10]],
  ['gpt-5-mini', [9, 5]],
  ['o3', [7, 4]],
  ['o4-mini', [20, 11]],
]

const OPENAI = (model: string): Price['tiers'] => ({
  batch: HALF,
  flex: HALF,
  priority: OPENAI_PRIORITY.find(([prefix]) => model.startsWith(prefix))?.[1] ?? DOUBLE,
})

/**
 * Fast mode: twice the price, and six times for the first models that had it
 * (https://platform.claude.com/docs/en/build-with-claude/fast-mode). In one region only: a tenth more
 * (https://platform.claude.com/docs/en/build-with-claude/data-residency); older models don't have it, and answer so.
 */
const CLAUDE = (model: string): NonNullable<Price['tiers']> => {
  const times = /claude-opus-4[-.][67]/.test(model) ? 6 : 2
  return { batch: HALF, fast: [times, 1], regional: [11, 10], fast_regional: [11 * times, 10], batch_regional: [11, 20] }
}

/**
 * What the classes of a provider cost, by its id in the price list.
 * Anthropic: half for a batch; priority is a commitment that is bought apart, its tokens are counted at the usual price
 * (https://docs.anthropic.com/en/docs/about-claude/pricing, …/api/service-tiers). Google: half for batch and flex, and up to
 * twice for priority (https://ai.google.dev/gemini-api/docs/optimization: "75 % to 100 % more"). Bedrock: half for flex and
 * batch, 75 % more for priority (https://aws.amazon.com/bedrock/pricing). Groq and Mistral: half for a batch.
 */
const TIERS: Readonly<Record<string, (model: string) => Price['tiers']>> = {
  openai: OPENAI,
  azure: OPENAI,
  anthropic: CLAUDE,
  google: (model) => (model.includes('claude') ? { batch: HALF } : { batch: HALF, flex: HALF, priority: [9, 5] }),
  aws: () => ({ batch: HALF, flex: HALF, priority: [7, 4] }),
  groq: () => ({ batch: HALF }),
  mistral: () => ({ batch: HALF }),
}

/** Undefined where all classes of the provider cost the same, or it has none. */
export function serviceTiers(provider: string, model: string): Price['tiers'] {
  return Object.hasOwn(TIERS, provider) ? TIERS[provider]?.(model) : undefined
}

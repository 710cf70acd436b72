/**
 * The most tokens that an image counts, by the beginning of the model's name, the longest match first: base and 8 tiles, or
 * 1,536 patches by the model's factor (https://platform.openai.com/docs/guides/images-vision#calculating-costs).
 */
const IMAGE_TOKENS_MAX: readonly (readonly [prefix: string, tokens: number])[] = [
  ['gpt-4o-mini', 2833 + 8 * 5667],
  ['gpt-4.1-mini', 1536 * 1.62],
  ['gpt-4.1-nano', 1536 * 2.46],
  ['gpt-5-mini', 1536 * 1.62],
  ['gpt-5-nano', 1536 * 2.46],
  ['o4-mini', 1536 * 1.72],
  ['gpt-4o', 85 + 8 * 170],
  ['gpt-4.1', 85 + 8 * 170],
  ['gpt-4.5', 85 + 8 * 170],
  ['o1', 75 + 8 * 150],
  ['o3', 75 + 8 * 150],
  ['computer-use-preview', 65 + 8 * 129],
]
const UNKNOWN_IMAGE_TOKENS_MAX = 50_000

/** The most tokens of one image, wherever it comes from; a model that is not known may count as many as any. */
export function imageTokensMax(model: string): number {
  return Math.ceil(IMAGE_TOKENS_MAX.find(([prefix]) => model.startsWith(prefix))?.[1] ?? UNKNOWN_IMAGE_TOKENS_MAX)
}

/**
 * The most output tokens of a model by its name's beginning, the longest match first
 * (https://platform.openai.com/docs/models); a model that is not known may produce as much as the largest.
 */
const OUTPUT_MAX: readonly (readonly [prefix: string, tokens: number])[] = [
  ['gpt-3.5-turbo', 4096],
  ['gpt-4-turbo', 4096],
  ['gpt-4.1', 32_768],
  ['gpt-4o', 16_384],
  ['gpt-4.5', 16_384],
  ['chatgpt-4o', 16_384],
  ['gpt-4', 8192],
  ['o1-mini', 65_536],
  ['o1-preview', 32_768],
  ['o1', 100_000],
  ['o3', 100_000],
  ['o4', 100_000],
]

const UNKNOWN_OUTPUT_MAX = 128_000

export function openAiOutputMax(model: string): number {
  return OUTPUT_MAX.find(([prefix]) => model.startsWith(prefix))?.[1] ?? UNKNOWN_OUTPUT_MAX
}

/**
 * The most output tokens of a model by its name's beginning, the longest match first
 * (https://docs.anthropic.com/en/docs/about-claude/models); a model that is not known may produce as much as the largest.
 */
const OUTPUT_MAX: readonly (readonly [prefix: string, tokens: number])[] = [
  ['claude-3-5', 8192],
  ['claude-3-7', 128_000],
  ['claude-3', 4096],
  ['claude-2', 4096],
  ['claude-opus-4-0', 32_000],
  ['claude-opus-4-1', 32_000],
  ['claude-opus-4-2', 32_000],
  ['claude-sonnet-4', 64_000],
  ['claude-haiku-4', 64_000],
]

const UNKNOWN_OUTPUT_MAX = 128_000

export function anthropicOutputMax(model: string): number {
  return OUTPUT_MAX.find(([prefix]) => model.startsWith(prefix))?.[1] ?? UNKNOWN_OUTPUT_MAX
}

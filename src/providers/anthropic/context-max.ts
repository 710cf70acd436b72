/**
 * The most that a model can read, in tokens, by the beginning of its name, the longest match first
 * (https://docs.anthropic.com/en/docs/about-claude/models): newer models read a million where they are asked to, and the header that
 * asks is not always there to be seen.
 */
const CONTEXT_MAX: readonly (readonly [prefix: string, tokens: number])[] = [
  ['claude-2', 200_000],
  ['claude-3', 200_000],
  ['claude-haiku-4', 200_000],
  ['claude-instant', 200_000],
  ['claude-opus-4-0', 200_000],
  ['claude-opus-4-1', 200_000],
  ['claude-opus-4-2', 200_000],
]

const UNKNOWN_CONTEXT_MAX = 1_000_000

export function anthropicContextMax(model: string): number {
  const bare = model.slice(model.lastIndexOf('/') + 1)
  return CONTEXT_MAX.find(([prefix]) => bare.startsWith(prefix))?.[1] ?? UNKNOWN_CONTEXT_MAX
}

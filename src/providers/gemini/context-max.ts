import { UNKNOWN_CONTEXT_MAX } from '../input-tally.ts'

/** The most that a model can read, in tokens, by the beginning of its name, the longest match first (https://ai.google.dev/gemini-api/docs/models). */
const CONTEXT_MAX: readonly (readonly [prefix: string, tokens: number])[] = [
  ['gemini-1.5-pro', 2_097_152],
  ['gemini-', 1_048_576],
  ['gemma-', 131_072],
]

export function geminiContextMax(model: string): number {
  const bare = model.slice(model.lastIndexOf('/') + 1)
  return CONTEXT_MAX.find(([prefix]) => bare.startsWith(prefix))?.[1] ?? UNKNOWN_CONTEXT_MAX
}

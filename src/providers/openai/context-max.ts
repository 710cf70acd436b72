import { UNKNOWN_CONTEXT_MAX } from '../input-tally.ts'

/**
 * The most that a model can read, in tokens, by the beginning of its name without its maker's, the longest match first
 * (https://platform.openai.com/docs/models, https://docs.x.ai/docs/models, https://ai.google.dev/gemini-api/docs/models, https://www.llama.com/docs/model-cards-and-prompt-formats).
 */
const CONTEXT_MAX: readonly (readonly [prefix: string, tokens: number])[] = [
  ['gpt-3.5', 16_385],
  ['gpt-4.1', 1_047_576],
  ['gpt-4.5', 128_000],
  ['gpt-4o', 128_000],
  ['gpt-4-turbo', 128_000],
  ['chatgpt-4o', 128_000],
  ['gpt-5.1', 400_000],
  ['gpt-5.2', 400_000],
  ['gpt-5.3', 400_000],
  ['gpt-5.', 1_050_000],
  ['gpt-5', 400_000],
  ['o1', 200_000],
  ['o3', 200_000],
  ['o4', 200_000],
  ['gpt-oss', 131_072],
  ['claude-', 1_000_000],
  ['gemini-1.5-pro', 2_097_152],
  ['gemini-', 1_048_576],
  ['grok-4-fast', 2_000_000],
  ['grok-4.1-fast', 2_000_000],
  ['llama-3', 131_072],
  ['llama-4-scout', 10_485_760],
  ['mistral-', 262_144],
  ['qwen-long', 10_000_000],
]

export function openAiContextMax(model: string): number {
  const bare = model.slice(model.lastIndexOf('/') + 1)
  return CONTEXT_MAX.find(([prefix]) => bare.startsWith(prefix))?.[1] ?? UNKNOWN_CONTEXT_MAX
}

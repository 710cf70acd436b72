import { toCount } from '../domain/usage/usage.ts'

/**
 * The names of counts of tokens in the usage objects of the APIs that Bursar reads, and of those that imitate them. A count that has
 * another name may be beside what was read, or be a part of it: that can't be known.
 */
const KNOWN: ReadonlySet<string> = new Set([
  // OpenAI and those that imitate it; Perplexity's citations; DeepSeek's and Mistral's caches
  'prompt_tokens', 'completion_tokens', 'total_tokens', 'input_tokens', 'output_tokens', 'cached_tokens', 'cache_write_tokens',
  'cache_creation_tokens', 'text_tokens', 'image_tokens', 'audio_tokens', 'video_tokens', 'reasoning_tokens', 'citation_tokens',
  'accepted_prediction_tokens', 'rejected_prediction_tokens', 'prompt_cache_hit_tokens', 'prompt_cache_miss_tokens', 'num_cached_tokens',
  // Anthropic
  'cache_creation_input_tokens', 'cache_read_input_tokens', 'ephemeral_5m_input_tokens', 'ephemeral_1h_input_tokens', 'thinking_tokens',
  // Bedrock
  'inputTokens', 'outputTokens', 'totalTokens', 'inputTokenCount', 'outputTokenCount', 'cacheReadInputTokens', 'cacheWriteInputTokens',
  'cacheReadInputTokenCount', 'cacheWriteInputTokenCount',
  // Gemini
  'promptTokenCount', 'candidatesTokenCount', 'totalTokenCount', 'toolUsePromptTokenCount', 'thoughtsTokenCount',
  'cachedContentTokenCount', 'tokenCount', 'tokens', 'total_input_tokens', 'total_output_tokens', 'total_tool_use_tokens',
  'total_thought_tokens', 'total_cached_tokens',
]) // prettier-ignore

const COUNT_NAME = /[Tt]okens$|[Tt]oken_?[Cc]ount$/
/** No API nests its counts deeper. */
const DEPTH_MAX = 5
/** A usage object has a few dozen members; one with more is not looked through. */
const MEMBERS_MAX = 500

/** True where a usage object has a count of tokens with a name that is not known, or a known one that is no count. */
export function hasUnknownCounts(usage: unknown): boolean {
  const left = { members: MEMBERS_MAX }
  return isUnknownBelow(usage, 0, left) || left.members < 0
}

function isUnknownBelow(value: unknown, depth: number, left: { members: number }): boolean {
  if (!isNested(value) || depth > DEPTH_MAX) return false
  for (const name in value) {
    const member = value[name]
    if (--left.members < 0) return false
    if (isUnknown(name, member) || isUnknownBelow(member, depth + 1, left)) return true
  }
  return false
}

/** Zero says nothing under any name; an object or a list is looked into. */
function isUnknown(name: string, value: unknown): boolean {
  if (value === 0 || value === null || typeof value === 'object') return false
  return KNOWN.has(name) ? toCount(value) === undefined : COUNT_NAME.test(name)
}

/** An object, or a list. */
function isNested(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}

import { type TokenCounts, toCount } from '../../domain/usage/usage.ts'
import { asObject } from '../answer.ts'
import type { JsonObject } from '../provider.ts'
import { type ReportedCounts, tokenCounts } from '../../domain/usage/token-counts.ts'

/**
 * The usage object of chat completions, completions and embeddings, as OpenAI and the many that imitate it write it.
 * `input` and `output` are whole: cached tokens are in the one, reasoning in the other, also where a provider reports them beside.
 * @returns undefined where it says nothing that is understood
 */
export function readChatUsage(value: unknown): TokenCounts | undefined {
  const usage = asObject(value)
  if (usage === undefined) return undefined
  const prompt = toCount(usage['prompt_tokens'])
  const total = toCount(usage['total_tokens'])
  if (prompt === undefined) return total === undefined ? undefined : tokenCounts({ input: total })
  const inputDetails = detailsOf(usage, ['prompt_tokens_details', 'prompt_token_details'])
  const outputDetails = detailsOf(usage, ['completion_tokens_details', 'completion_token_details'])
  const completion = toCount(usage['completion_tokens'])
  const reasoning = toCount(outputDetails['reasoning_tokens'])
  const media = mediaOf(inputDetails, outputDetails)
  const { input, output } = completeByTotal({ prompt, completion, total, reasoning, audio: media.audioInput })
  const counts = { ...media, input, output, cachedInput: cachedOf(usage, inputDetails), reasoning }
  const cacheWrite = toCount(inputDetails['cache_write_tokens'])
  return tokenCounts({ ...withResearch(counts, usage), cacheWrite, audioSeconds: toCount(usage['prompt_audio_seconds']) })
}

/**
 * Perplexity's deep research counts what it read and thought, and its searches, beside prompt and completion
 * (https://docs.perplexity.ai/getting-started/pricing).
 */
function withResearch(counts: ReportedCounts, usage: JsonObject): ReportedCounts {
  const citations = toCount(usage['citation_tokens'])
  const webSearches = toCount(usage['num_search_queries'])
  if (citations === undefined && webSearches === undefined) return counts
  const thought = toCount(usage['reasoning_tokens']) ?? 0
  const { input = 0, output, reasoning } = counts
  return {
    ...counts,
    input: input + (citations ?? 0),
    output: output === undefined ? undefined : output + thought,
    reasoning: thought > 0 ? thought : reasoning,
    webSearches,
  }
}

/** The usage object of the Responses API. */
export function readResponsesUsage(value: unknown): TokenCounts | undefined {
  const usage = asObject(value)
  const input = toCount(usage?.['input_tokens'])
  if (usage === undefined || input === undefined) return undefined
  const inputDetails = detailsOf(usage, ['input_tokens_details', 'input_token_details'])
  const outputDetails = detailsOf(usage, ['output_tokens_details', 'output_token_details'])
  return tokenCounts({
    input,
    output: toCount(usage['output_tokens']),
    cachedInput: toCount(inputDetails['cached_tokens']),
    cacheWrite: toCount(inputDetails['cache_write_tokens']),
    reasoning: toCount(outputDetails['reasoning_tokens']),
    ...mediaOf(inputDetails, outputDetails),
  })
}

/** The usage object of images and audio: some write it as chat completions do, others as responses. */
export function readMediaUsage(value: unknown): TokenCounts | undefined {
  return asObject(value)?.['prompt_tokens'] === undefined ? readResponsesUsage(value) : readChatUsage(value)
}

/** The parts that some models price apart. */
function mediaOf(input: JsonObject, output: JsonObject): ReportedCounts {
  const cached = detailsOf(input, ['cached_tokens_details'])
  return {
    audioInput: toCount(input['audio_tokens']),
    cachedAudioInput: toCount(cached['audio_tokens']),
    imageInput: toCount(input['image_tokens']),
    cachedImageInput: toCount(cached['image_tokens']),
    audioOutput: toCount(output['audio_tokens']),
    imageOutput: toCount(output['image_tokens']),
  }
}

interface ChatCounts {
  readonly prompt: number
  readonly completion: number | undefined
  readonly total: number | undefined
  readonly reasoning: number | undefined
  readonly audio: number | undefined
}

/**
 * Where the total is more than prompt and completion, a part was left out of one of them: reasoning (xAI), audio of the prompt
 * (Mistral Voxtral), or thinking that has no field of its own (Gemini's OpenAI endpoint).
 */
function completeByTotal({ prompt, completion, total, reasoning = 0, audio = 0 }: ChatCounts): Pick<ReportedCounts, 'input' | 'output'> {
  if (completion === undefined) return { input: prompt }
  if (total === undefined || total <= prompt + completion) return { input: prompt, output: completion }
  if (total === prompt + completion + reasoning) return { input: prompt, output: completion + reasoning }
  if (total === prompt + completion + audio) return { input: prompt + audio, output: completion }
  return { input: prompt, output: total - prompt }
}

/** Four names for the same count; DeepSeek's stands beside the first and is not added to it. */
function cachedOf(usage: JsonObject, details: JsonObject): number | undefined {
  return (
    toCount(details['cached_tokens']) ??
    toCount(usage['prompt_cache_hit_tokens']) ??
    toCount(usage['cached_tokens']) ??
    toCount(usage['num_cached_tokens'])
  )
}

function detailsOf(usage: JsonObject, names: readonly string[]): JsonObject {
  for (const name of names) {
    const details = asObject(usage[name])
    if (details !== undefined) return details
  }
  return {}
}

import { tokenCounts } from '../../domain/usage/token-counts.ts'
import { type TokenCounts, toCount } from '../../domain/usage/usage.ts'
import { asObject, asObjects } from '../answer.ts'
import { AnthropicUsage } from '../anthropic/usage.ts'
import { readChatUsage } from '../openai/usage.ts'
import type { AnswerHeaders, JsonObject } from '../provider.ts'

/** Bedrock counts what a cache had to do with beside the rest of the input. */
interface BedrockCounts {
  readonly input: number | undefined
  readonly cacheRead: number | undefined
  readonly cacheWrite: number | undefined
  readonly cacheWriteHour?: number | undefined
  readonly output: number | undefined
}

/**
 * The usage object of Converse, and of Nova's own answers
 * (https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_TokenUsage.html). The members that end in
 * `TokenCount` repeat the same numbers.
 * @returns undefined where it counts neither input nor output
 */
export function readConverseUsage(value: unknown): TokenCounts | undefined {
  const usage = asObject(value)
  if (usage === undefined) return undefined
  return toTokens({
    input: toCount(usage['inputTokens'] ?? usage['inputTokenCount']),
    cacheRead: toCount(usage['cacheReadInputTokens'] ?? usage['cacheReadInputTokenCount']),
    cacheWrite: toCount(usage['cacheWriteInputTokens'] ?? usage['cacheWriteInputTokenCount']),
    cacheWriteHour: hourWrites(usage['cacheDetails']),
    output: toCount(usage['outputTokens'] ?? usage['outputTokenCount']),
  })
}

/** `amazon-bedrock-invocationMetrics` of a stream's last chunk: the service's own count. */
export function readInvocationMetrics(value: unknown): TokenCounts | undefined {
  const metrics = asObject(value)
  if (metrics === undefined) return undefined
  return toTokens({
    input: toCount(metrics['inputTokenCount']),
    cacheRead: toCount(metrics['cacheReadInputTokenCount']),
    cacheWrite: toCount(metrics['cacheWriteInputTokenCount']),
    output: toCount(metrics['outputTokenCount']),
  })
}

/** The counts in the headers of an InvokeModel answer. */
export function readUsageHeaders(headers: AnswerHeaders): TokenCounts | undefined {
  const count = (name: string): number | undefined => {
    const value = headers[`x-amzn-bedrock-${name}-token-count`]
    return typeof value === 'string' && /^\d+$/.test(value) ? toCount(Number(value)) : undefined
  }
  return toTokens({
    input: count('input'),
    cacheRead: count('cache-read-input'),
    cacheWrite: count('cache-write-input'),
    output: count('output'),
  })
}

/**
 * What a model's own answer, or a chunk of it, says of its use, in whatever way its family writes it: Nova, the OpenAI-shaped
 * ones (AI21, DeepSeek, Mistral, OpenAI, Qwen, …), Cohere, Titan, Llama. Claude's events have a reader of their own.
 * @returns undefined where it counts nothing
 */
export function readNativeUsage(data: JsonObject): TokenCounts | undefined {
  return readUsageObject(usageObjectOf(data)) ?? readTitan(data) ?? readLlama(data)
}

/** The object in which a model's answer, or a chunk of it, reports its use; undefined where it has none. */
export function usageObjectOf(data: JsonObject): JsonObject | undefined {
  const places = [data, data['metadata'], data['delta'], data['response']].map(asObject)
  return places.map((place) => asObject(place?.['usage']) ?? asObject(place?.['meta'])).find((usage) => usage !== undefined)
}

function readUsageObject(usage: JsonObject | undefined): TokenCounts | undefined {
  if (usage === undefined) return undefined
  return readConverseUsage(usage) ?? readAnthropicUsage(usage) ?? readChatUsage(usage) ?? readCohereUsage(usage)
}

function readAnthropicUsage(usage: JsonObject): TokenCounts | undefined {
  const reader = new AnthropicUsage()
  reader.merge(usage)
  return reader.tokens()
}

/** `tokens` is what was used, `billed_units` what is charged, which is less (https://docs.cohere.com/reference/chat). */
function readCohereUsage(usage: JsonObject): TokenCounts | undefined {
  const tokens = asObject(usage['tokens']) ?? asObject(usage['billed_units'])
  return tokens === undefined ? undefined : inputAndOutput(tokens['input_tokens'], tokens['output_tokens'])
}

/** https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-titan-text.html; the counts may be floats such as 28.0. */
function readTitan(data: JsonObject): TokenCounts | undefined {
  return inputAndOutput(data['inputTextTokenCount'], data['totalOutputTextTokenCount'] ?? sumOfResults(data['results']))
}

function sumOfResults(results: unknown): number | undefined {
  const counts = asObjects(results).map((result) => toCount(result['tokenCount']))
  return counts.length === 0 ? undefined : sum(counts)
}

/** https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-meta.html; the counts of a stream are cumulative. */
function readLlama(data: JsonObject): TokenCounts | undefined {
  return inputAndOutput(data['prompt_token_count'], data['generation_token_count'])
}

function inputAndOutput(input: unknown, output: unknown): TokenCounts | undefined {
  return toTokens({ input: toCount(input), cacheRead: undefined, cacheWrite: undefined, output: toCount(output) })
}

function hourWrites(details: unknown): number | undefined {
  const counts = asObjects(details).flatMap((detail) => (detail['ttl'] === '1h' ? [toCount(detail['inputTokens'])] : []))
  return counts.length === 0 ? undefined : sum(counts)
}

/** Undefined where one of them is, or where the sum is no safe integer. */
function sum(counts: readonly (number | undefined)[]): number | undefined {
  return toCount(counts.reduce<number>((total, count) => total + (count ?? Number.NaN), 0))
}

/** Without the counts that are not there: absent is not zero. */
function toTokens({ input: plain, cacheRead, cacheWrite, cacheWriteHour, output }: BedrockCounts): TokenCounts | undefined {
  const input = plain === undefined ? undefined : sum([plain, cacheRead ?? 0, cacheWrite ?? 0])
  if (input === undefined && output === undefined) return undefined
  return tokenCounts({ input, cachedInput: cacheRead, cacheWrite, cacheWriteHour, output })
}

import { asList } from '../answer.ts'
import { PROVIDER_TOOL_TOKENS, providerToolTokens, TEMPLATE_TOKENS_MAX, TOOL_PROMPT_TOKENS_MAX } from '../hidden-input.ts'
import type { JsonObject } from '../provider.ts'

/** OpenAI's own, behind whatever provider; its open models (`gpt-oss`) have a template that is longer than their requests. */
export function isOpenAiModel(model: string): boolean {
  return /(?:^|\/)(?:gpt-(?!oss)|o\d|chatgpt-|text-embedding-|codex-|computer-use-)/.test(model)
}

/** Tools that the client runs (https://platform.openai.com/docs/guides/tools); all others are run by the provider. */
const CLIENT_TOOLS: ReadonlySet<string> = new Set([
  'function', 'custom', 'namespace', 'shell', 'local_shell', 'apply_patch', 'computer', 'computer_use_preview',
]) // prettier-ignore

/** Members that let the provider search: OpenAI's and Perplexity's, xAI's, OpenRouter's. */
const SEARCHES = ['web_search_options', 'search_parameters', 'plugins'] as const

/** Models that search whatever the request says: OpenAI's, Groq's, OpenRouter's suffix. */
const SEARCHING_MODEL = /-search-(?:preview|api)|(?:^|\/)compound|:online$|deep-research/

/** Tokens of the input that a request does not write. */
export function hiddenInput(json: JsonObject, model: string): number {
  const ofTemplate = isOpenAiModel(model) ? 0 : TEMPLATE_TOKENS_MAX + (isExplained(json) ? TOOL_PROMPT_TOKENS_MAX : 0)
  return ofTemplate + ofProvidersTools(json, model)
}

/** True where the model is told how to use tools, or how to write its answer. */
export function isExplained(json: JsonObject): boolean {
  return asList(json['tools']).length > 0 || isPresent(json['response_format']) || isPresent(json['text'])
}

function ofProvidersTools(json: JsonObject, model: string): number {
  if (SEARCHING_MODEL.test(model) || SEARCHES.some((name) => isPresent(json[name]))) return PROVIDER_TOOL_TOKENS
  return providerToolTokens(json['tools'], (type) => CLIENT_TOOLS.has(type))
}

/** True where the tokenizer can't bound the input, since more comes into it than the request says. */
export function isJoinedByProvider(json: JsonObject, model: string): boolean {
  return ofProvidersTools(json, model) > 0
}

function isPresent(value: unknown): boolean {
  return value !== undefined && value !== null
}

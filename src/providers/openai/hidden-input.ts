import { asList } from '../answer.ts'
import { TEMPLATE_TOKENS_MAX, TOOL_PROMPT_TOKENS_MAX } from '../hidden-input.ts'
import type { JsonObject } from '../provider.ts'

/** OpenAI's own, behind whatever provider; its open models (`gpt-oss`) have a template that is longer than their requests. */
export function isOpenAiModel(model: string): boolean {
  return /(?:^|\/)(?:gpt-(?!oss)|o\d|chatgpt-|text-embedding-|codex-|computer-use-)/.test(model)
}

/** Tokens of its template, which stands in no request. */
export function hiddenInput(json: JsonObject, model: string): number {
  return isOpenAiModel(model) ? 0 : TEMPLATE_TOKENS_MAX + (isExplained(json) ? TOOL_PROMPT_TOKENS_MAX : 0)
}

/** True where the model is told how to use tools, or how to write its answer. */
export function isExplained(json: JsonObject): boolean {
  return asList(json['tools']).length > 0 || isPresent(json['response_format']) || isPresent(json['text'])
}

function isPresent(value: unknown): boolean {
  return value !== undefined && value !== null
}

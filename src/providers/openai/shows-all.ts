import type { JsonObject } from '../provider.ts'

/**
 * Models that think, if at all, in the open. Those that hide their reasoning, or may, can't be counted by what is seen of them:
 * OpenAI's o-series and GPT-5, Gemini, Grok, and whatever is not known.
 */
const OPEN_MODELS =
  /^(?:gpt-4|gpt-3\.5|chatgpt-4o)|(?:^|[/:])(?:llama|meta-llama|mi[sx]tral|ministral|codestral|command|qwen|gemma|phi|deepseek)/i

/** Tokens of these are produced without being seen: rejected predictions, sounds, what tools of the provider do. */
const HIDING_MEMBERS = ['prediction', 'audio', 'web_search_options', 'background']

/** True where all that the model produces for this request is text in its stream. */
export function showsAll(model: string, json: JsonObject): boolean {
  return OPEN_MODELS.test(model) && HIDING_MEMBERS.every((name) => json[name] === undefined || json[name] === null || json[name] === false)
}

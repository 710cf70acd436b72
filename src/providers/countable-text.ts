import { TEMPLATE_TOKENS_MAX, TOOL_PROMPT_TOKENS_MAX } from './hidden-input.ts'
import type { JsonObject } from './provider.ts'

/** Parts that cost otherwise than by their text, as the APIs name them; in a text of the request the quotes would be escaped. */
const MEDIA =
  /"(?:type":"(?:image|input_image|image_url|file|input_file|input_audio|document|audio|video)"|(?:images?|document|audio|video|inlineData|inline_data|fileData|file_data|cachedContent|cached_content)":[[{"])/

const CHARS_MAX = 64 * 1024

/** What stands in no request and is yet part of the input of one that is all text: templates, explanations of tools and sources. */
const HIDDEN_TOKENS_MAX = 4096 + TEMPLATE_TOKENS_MAX + 2 * TOOL_PROMPT_TOKENS_MAX

/**
 * The text by which a tokenizer counts a request's input: its whole JSON, which has more than what the model is given of it.
 * @param hiddenTokens those of its bound that its bytes do not have
 * @returns undefined where it is long, or the input is more than text: media, files, what the provider's tools find
 */
export function countableText(json: JsonObject, hiddenTokens: number): string | undefined {
  const text = allText(json, hiddenTokens)
  return text === undefined || text.length > CHARS_MAX ? undefined : text
}

/** False where a tokenizer can't tell what the input costs. @param hiddenTokens likewise */
export function isAllText(json: JsonObject, hiddenTokens: number): boolean {
  return allText(json, hiddenTokens) !== undefined
}

function allText(json: JsonObject, hiddenTokens: number): string | undefined {
  if (hiddenTokens < 0 || hiddenTokens > HIDDEN_TOKENS_MAX) return undefined
  const text = JSON.stringify(json)
  return MEDIA.test(text) ? undefined : text
}

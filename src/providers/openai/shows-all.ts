import { asObjects } from '../answer.ts'
import { asksForSomething } from '../input-tally.ts'
import type { JsonObject } from '../provider.ts'
import { SHOWING_OPTIONS } from './known-options.ts'

/**
 * Models that are known never to think: whatever they are charged for stands in their answer. By the whole name, so that a later
 * or a distilled model of the same family, which may think, is not taken for one of them. Sources:
 * https://platform.openai.com/docs/models, https://www.llama.com/docs/model-cards-and-prompt-formats,
 * https://docs.mistral.ai/getting-started/models, https://qwenlm.github.io/blog/qwen2.5, https://ai.google.dev/gemma/docs,
 * https://docs.cohere.com/docs/models, https://api-docs.deepseek.com/quick_start/pricing.
 */
const SHOWING_MODELS: readonly RegExp[] = [
  /^(?:ft:)?gpt-3\.5-turbo/,
  /^(?:ft:)?gpt-4(?:-turbo|-32k)?(?:-\d{4}(?:-\d\d-\d\d)?)?(?:-preview)?(?::|$)/,
  /^(?:ft:)?(?:chatgpt-4o|gpt-4o|gpt-4o-mini|gpt-4\.1|gpt-4\.1-mini|gpt-4\.1-nano|gpt-4\.5-preview)(?:-latest|-\d{4}-\d\d-\d\d)?(?::|$)/,
  /^(?:meta-)?llama-?v?[234](?:[.p-]\d)?(?!.*(?:nemotron|think|reason|r1))/,
  /^(?:open-)?mi[sx]tral-(?:7b|8x7b|8x22b|nemo|tiny|large-2[34]\d\d|small-2[345]0\d|small-24\d\d)(?!.*(?:think|reason))/,
  /^(?:ministral-[38]b|codestral|pixtral)-(?:2[45]\d\d|12b|large|latest)/,
  /^qwen-?(?:1\.5|2|2\.5)-(?!.*(?:qwq|r1|think|reason))/,
  /^gemma-?[123](?:[-n:]|$)/,
  /^phi-?(?:2|3|3\.5|4)(?!.*(?:reason|think))/,
  /^(?:c4ai-)?command-(?:r|r-plus|r7b|light|nightly|a-03-2025)(?:[-:]|$)/,
  /^deepseek-(?:chat|coder|v2|v2\.5|v3|v3-0324|chat-v3-0324)(?:$|:)/,
]

/** Tools of the client, whose calls stand in the answer. */
const SHOWN_TOOLS: ReadonlySet<unknown> = new Set([undefined, 'function', 'custom'])

/**
 * True where all that the model produces for this request is proven to be text in its stream: by the model's name, and by each
 * option. A model that thinks is none, even if it shows what it thinks unless it is told to hide it.
 */
export function showsAll(model: string, json: JsonObject): boolean {
  const name = model.slice(model.lastIndexOf('/') + 1).toLowerCase()
  if (!SHOWING_MODELS.some((known) => known.test(name))) return false
  if (!asObjects(json['tools']).every(({ type }) => SHOWN_TOOLS.has(type))) return false
  return Object.keys(json).every((option) => SHOWING_OPTIONS.has(option) || !asksForSomethingAtAll(json[option]))
}

/** A number may be a budget to think. */
function asksForSomethingAtAll(value: unknown): boolean {
  return typeof value === 'number' || asksForSomething(value)
}

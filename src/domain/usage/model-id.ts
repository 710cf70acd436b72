/** The geographies of Bedrock's cross-region inference profiles, and the catalogue's word for any of them. */
const GEOGRAPHY = /^(?:us|us-gov|eu|apac|ap|jp|au|ca|sa|mx|me|il|in|kr|uk|af|global|regional)\.(?=[a-z0-9]+\.)/
/** The vendors whose models Bedrock sells, as the first part of its model ids. */
const BEDROCK_VENDOR =
  /^(?:ai21|amazon|anthropic|cohere|deepseek|google|luma|meta|minimax|mistral|moonshot|moonshotai|nvidia|openai|qwen|stability|twelvelabs|writer|zai)\.(?=[a-z])/
const BEDROCK_ARN = /^arn:[^:]*:bedrock:[^:]*:[^:]*:(?:foundation-model|inference-profile)\/(.+)$/
const BEDROCK_VERSION = /-v\d+(?::\d+(?::[a-z0-9]+)?)?$/
/** How OpenRouter is asked to route a call; `:free` is another model, since it costs nothing. */
const ROUTING = /:(?:nitro|floor|online|exacto|extended|thinking|beta|latest)$/
const YEAR_FIRST = '20\\d{2}-?(?:0[1-9]|1[0-2])-?(?:0[1-9]|[12]\\d|3[01])'
const VERSION = new RegExp(`(?:[-@:](?:${YEAR_FIRST}|latest|default))$`)
/** `gpt-4-0613`, `gemini-2.0-flash-001`: short forms that some vendors use for a version, and others for another model. */
const GPT_VERSION = /^(gpt-(?:3\.5|4)[a-z0-9-]*)-(?:0[1-9]|1[0-2])(?:[0-2]\d|3[01])$/
const GEMINI_VERSION = /^(gemini-[a-z0-9.-]+?)-00\d$/

/**
 * The one name of a model, whatever a call calls it: in lower case; without the path, the vendor or the geography before it
 * (`models/…`, `openai/…`, `eu.anthropic.…`), without the version behind it (`-2024-08-06`, `@20250929`, `-latest`,
 * `-v1:0`), and with Claude's dots as dashes. Budgets, keys and reports know models by it; providers and prices by the name
 * that was written. Applied twice, it changes nothing more. A fine-tuned model (`ft:…`) and an opaque ARN keep their names.
 */
export function modelId(name: string): string {
  let id = name.trim().toLowerCase()
  for (let before = ''; before !== id;) {
    before = id
    id = bareName(id) || id
  }
  return id
}

function bareName(name: string): string {
  const arn = BEDROCK_ARN.exec(name)?.[1]
  if (arn === undefined && (name.startsWith('arn:') || name.startsWith('ft:'))) return name
  const path = arn ?? name
  const model = path
    .slice(path.lastIndexOf('/') + 1)
    .replace(GEOGRAPHY, '')
    .replace(BEDROCK_VENDOR, '')
  const dashed = model.startsWith('claude-') ? model.replaceAll(/(?<=\d)\.(?=\d)/g, '-') : model
  const versioned = dashed.replace(ROUTING, '').replace(BEDROCK_VERSION, '').replace(VERSION, '')
  return versioned.replace(GPT_VERSION, '$1').replace(GEMINI_VERSION, '$1').trim()
}

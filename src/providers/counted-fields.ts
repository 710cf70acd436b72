import { asObject } from './answer.ts'
import { InvalidRequest, type JsonObject } from './provider.ts'

/*
 * Members that decide what a request uses. Servers in Go take a member in any case, the last of them
 * (https://pkg.go.dev/encoding/json#Unmarshal), others only as it is documented: in another case a member would be read by the
 * provider and not by Bursar.
 */

const NAMES = [
  'model', 'models', 'agent', 'stream', 'stream_options', 'include_usage', 'background', 'service_tier', 'serviceTier',
  'n', 'best_of', 'num_generations', 'numResults', 'candidateCount', 'candidate_count', 'sampleCount', 'partial_images', 'size', 'quality',
  'max_tokens', 'max_completion_tokens', 'max_output_tokens', 'max_new_tokens', 'max_gen_len', 'max_length', 'max_tokens_to_sample',
  'max_context_length', 'maxTokens', 'maxOutputTokens', 'maxTokenCount', 'min_tokens', 'n_predict', 'num_predict', 'truncation_length',
  'options', 'parameters', 'generationConfig', 'generation_config', 'inferenceConfig', 'textGenerationConfig', 'additionalModelRequestFields',
  'messages', 'input', 'inputs', 'prompt', 'contents', 'instances', 'requests', 'tools', 'documents', 'query',
  'previous_response_id', 'previous_interaction_id', 'conversation', 'cachedContent', 'cached_content', 'thinking', 'reasoning',
  'plugins', 'web_search_options', 'search_parameters', 'fallbacks', 'speed', 'input_file_id', 'endpoint',
] // prettier-ignore

/** Objects in which such members stand too. */
const OUTER = [
  'stream_options',
  'options',
  'parameters',
  'generationConfig',
  'generation_config',
  'inferenceConfig',
  'textGenerationConfig',
]

const KNOWN: ReadonlySet<string> = new Set(NAMES)
const BY_FOLDED: ReadonlyMap<string, string> = new Map(NAMES.map((name) => [folded(name), name]))

/** No letter in it has another case, or is more than ASCII. */
const PLAIN_NAME = /^[a-z0-9_]*$/

/** True for the name of a member that decides what a request uses. */
export function isCounted(name: string): boolean {
  return KNOWN.has(name)
}

/** @throws InvalidRequest where a member that counts is written in another case than the documented one */
export function checkSpelling(json: JsonObject): void {
  checkNames(json)
  for (const name of OUTER) {
    const inner = asObject(json[name])
    if (inner !== undefined) checkNames(inner)
  }
}

function checkNames(json: JsonObject): void {
  for (const name in json) {
    if (PLAIN_NAME.test(name) || KNOWN.has(name)) continue
    const known = BY_FOLDED.get(folded(name))
    if (known !== undefined) throw new InvalidRequest(`the member "${name}" must be written "${known}"`)
  }
}

/** Unicode's simple folding, for the letters that fold to ASCII: the long s and the Kelvin sign among them. */
function folded(name: string): string {
  return name.length > 64 ? name : name.toUpperCase().toLowerCase()
}

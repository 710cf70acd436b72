import { asObject } from './answer.ts'
import type { JsonObject } from './provider.ts'
import { countTokens } from './tokenizer.ts'

/*
 * What a request's input is estimated by, where its provider reports none: all of its text, and its token ids. What is sent counts,
 * under whatever name, unless it is known to cost nothing.
 */

/** Options, names of things and data of media, as the APIs name them. Media is no text, and is estimated as nothing. */
const COSTS_NOTHING: ReadonlySet<string> = new Set([
  'model', 'models', 'agent', 'role', 'type', 'id', 'object', 'status', 'user', 'metadata', 'service_tier', 'serviceTier', 'index',
  'tool_call_id', 'call_id', 'tool_use_id', 'toolUseId', 'item_id', 'custom_id', 'previous_response_id', 'previous_interaction_id',
  'conversation', 'safety_identifier', 'prompt_cache_key', 'prompt_cache_retention', 'encoding_format', 'embedding_types', 'input_type',
  'task', 'task_type', 'taskType', 'truncate', 'truncation', 'tool_choice', 'toolChoice', 'reasoning_effort', 'verbosity', 'include',
  'stop', 'stop_sequences', 'stopSequences', 'cache_control', 'cachePoint', 'keep_alive', 'detail', 'language', 'voice', 'quality', 'size',
  'background', 'output_format', 'mimeType', 'mime_type', 'media_type', 'format_type', 'data', 'file_data', 'image_url', 'url', 'file_id',
  'fileData', 'file_data_uri', 'fileUri', 'file_uri', 'bytes', 'b64_json', 'images', 'signature', 'thoughtSignature', 'encrypted_content',
  'safetySettings', 'safety_settings', 'generationConfig', 'generation_config', 'inferenceConfig', 'anthropic_version', 'anthropic_beta',
  'logit_bias', 'options', 'stream_options', 'modalities', 'timestamp_granularities', 'service', 'provider', 'seed',
]) // prettier-ignore

/** Whose objects are JSON of the caller's own, all of which the model reads: names, numbers and literals too. */
const READ_WHOLE: ReadonlySet<string> = new Set([
  'tools', 'functions', 'toolConfig', 'tool_config', 'response_format', 'text', 'format', 'schema', 'json_schema', 'input_schema',
  'inputSchema', 'parameters', 'arguments', 'args', 'json', 'functionCall', 'function_call', 'functionResponse', 'promptVariables',
]) // prettier-ignore

interface RequestText {
  readonly text: string
  /** Numbers in lists: each is a token. */
  readonly ids: number
}

interface Value {
  readonly value: unknown
  readonly isWhole: boolean
}

/** All text of a request, in its order, and how many token ids it has; by a stack of its own, however deep the request nests. */
export function requestText(json: JsonObject): RequestText {
  const pieces: string[] = []
  let ids = 0
  const open: Value[] = [{ value: json, isWhole: false }]
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { value, isWhole } = next
    if (typeof value === 'string') pieces.push(isInlineData(value) ? '' : value)
    else if (isWhole && (typeof value === 'number' || typeof value === 'boolean')) pieces.push(String(value))
    else if (typeof value === 'number') ids++
    else if (Array.isArray(value)) pushReversed(open, listed(value, isWhole))
    else pushReversed(open, members(value, isWhole))
  }
  return { text: pieces.join(' '), ids }
}

function listed(list: readonly unknown[], isWhole: boolean): readonly Value[] {
  return list.map((value) => ({ value, isWhole }))
}

function members(value: unknown, isWhole: boolean): readonly Value[] {
  const object = asObject(value) ?? {}
  const names = Object.keys(object)
  if (isWhole) return names.flatMap((name) => [{ value: name, isWhole }, { value: object[name], isWhole }]) // prettier-ignore
  return names
    .filter((name) => !COSTS_NOTHING.has(name) && typeof object[name] !== 'number')
    .map((name) => ({ value: object[name], isWhole: READ_WHOLE.has(name) || (name === 'input' && asObject(object[name]) !== undefined) }))
}

function pushReversed(open: Value[], values: readonly Value[]): void {
  for (let i = values.length - 1; i >= 0; i--) {
    const value = values[i]
    if (value !== undefined) open.push(value)
  }
}

function isInlineData(text: string): boolean {
  return text.startsWith('data:') && text.slice(0, 200).includes(';base64,')
}

/** An estimate, not a bound, of a request's input in tokens. */
export function estimateRequest(json: JsonObject): number {
  const { text, ids } = requestText(json)
  return countTokens(text) + ids
}

import { asObject, stringIn } from '../answer.ts'
import { fillByUnknown, InputTally } from '../input-tally.ts'
import type { JsonObject, RequestFacts } from '../provider.ts'
import { geminiContextMax } from './context-max.ts'
import { addData, IMAGE_TOKENS_MAX } from './media-bound.ts'

/* The input of an interaction (https://ai.google.dev/gemini-api/docs/interactions): a text, a content, contents or turns. */

const OPTIONS: ReadonlySet<string> = new Set([
  'background', 'generation_config', 'input', 'model', 'response_format', 'response_mime_type', 'response_modalities', 'service_tier', 'store',
  'stream', 'system_instruction', 'tools',
]) // prettier-ignore

/** Contents that are text, or stand whole where they are: thoughts, calls and results of tools. */
const TEXTS: ReadonlySet<unknown> = new Set([
  'code_execution_call', 'code_execution_result', 'function_call', 'google_search_call', 'google_search_result', 'mcp_server_tool_call',
  'mcp_server_tool_result', 'text', 'thought', 'url_context_call', 'url_context_result', 'file_search_result',
]) // prettier-ignore

const MEDIA: ReadonlySet<unknown> = new Set(['audio', 'document', 'image', 'video'])
/** Contents stand in results of functions, and in turns. */
const NESTED: ReadonlySet<unknown> = new Set(['function_result', 'turn'])

const TEXT_MEMBERS: ReadonlySet<string> = new Set([
  'annotations', 'arguments', 'call_id', 'content', 'id', 'is_error', 'name', 'result', 'role', 'server_name', 'signature', 'summary', 'text', 'type',
]) // prettier-ignore

const NESTING_MAX = 8

/** @param bytes those of the request */
export function boundInteractionInput(json: JsonObject, model: string, bytes: number): Pick<RequestFacts, 'inputBound' | 'unknownInput'> {
  const tally = new InputTally()
  // An agent searches, and an earlier interaction comes with all that it had.
  fillByUnknown(tally, json, OPTIONS, 'option')
  addContent(tally, json['input'], model, 0)
  for (const tool of Array.isArray(json['tools']) ? json['tools'] : []) {
    const type = asObject(tool)?.['type']
    if (type !== 'function') tally.fill('tool', type)
  }
  return tally.boundOf(bytes, geminiContextMax(model))
}

function addContent(tally: InputTally, content: unknown, model: string, depth: number): void {
  if (content === undefined || content === null || typeof content === 'string') return
  if (Array.isArray(content) && depth <= NESTING_MAX) {
    for (const part of content) addContent(tally, part, model, depth + 1)
    return
  }
  const part = asObject(content)
  if (part === undefined) tally.fill('content')
  else addPart(tally, part, model, depth)
}

function addPart(tally: InputTally, part: JsonObject, model: string, depth: number): void {
  const type = part['type'] ?? (part['role'] === undefined ? 'content without a type' : 'turn')
  if (MEDIA.has(type)) return addMedia(tally, part, model)
  const isNested = NESTED.has(type)
  if (!isNested && !TEXTS.has(type)) return tally.fill('content', type)
  fillByUnknown(tally, part, TEXT_MEMBERS, 'member of a content')
  if (!isNested) return
  for (const inner of [part['content'], part['result']]) if (Array.isArray(inner)) addContent(tally, inner, model, depth + 1)
}

function addMedia(tally: InputTally, part: JsonObject, model: string): void {
  const data = stringIn(part, 'data')
  if (data !== '') return addData(tally, { type: stringIn(part, 'mime_type') || `${String(part['type'])}/`, data, model })
  if (part['type'] === 'image') return tally.add(IMAGE_TOKENS_MAX)
  tally.fill('content by its place', part['type'])
}

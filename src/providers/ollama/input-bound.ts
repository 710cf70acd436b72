import { asList, asObject, stringIn } from '../answer.ts'
import { fillByUnknown, InputTally, UNKNOWN_CONTEXT_MAX } from '../input-tally.ts'
import type { JsonObject, RequestFacts } from '../provider.ts'

/* What is known of requests to Ollama (https://docs.ollama.com/api). Tokens of an earlier context are numbers: each has more bytes than one. */

/** A model's template says something around each message, and a system prompt of its own where the request has none. */
const TEMPLATE_TOKENS_MAX = 2048
const IMAGE_TOKENS_MAX = 16_384

/** A template of the request's own may repeat what it is given: it is not among them. */
const OPTIONS: ReadonlySet<string> = new Set([
  'context', 'dimensions', 'format', 'images', 'input', 'keep_alive', 'logprobs', 'messages', 'model', 'options', 'prompt', 'raw', 'shift',
  'stream', 'suffix', 'system', 'think', 'tools', 'top_logprobs', 'truncate',
]) // prettier-ignore

const MESSAGE_MEMBERS: ReadonlySet<string> = new Set([
  'content', 'images', 'name', 'role', 'thinking', 'tool_call_id', 'tool_calls', 'tool_name',
]) // prettier-ignore

/** @param bytes those of the request */
export function boundInput(json: JsonObject, bytes: number): Pick<RequestFacts, 'inputBound' | 'unknownInput'> {
  const tally = new InputTally()
  tally.add(TEMPLATE_TOKENS_MAX)
  fillByUnknown(tally, json, OPTIONS, 'option')
  addImages(tally, json['images'])
  for (const entry of asList(json['messages'])) {
    const message = asObject(entry)
    if (message === undefined) tally.fill('message')
    else addMessage(tally, message)
  }
  for (const tool of asList(json['tools'])) addTool(tally, asObject(tool) ?? {})
  if (!asList(json['context']).every((token) => typeof token === 'number')) tally.fill('context')
  return tally.boundOf(bytes, UNKNOWN_CONTEXT_MAX)
}

function addMessage(tally: InputTally, message: JsonObject): void {
  fillByUnknown(tally, message, MESSAGE_MEMBERS, 'member of a message')
  if (typeof (message['content'] ?? '') !== 'string') tally.fill('content')
  addImages(tally, message['images'])
}

function addTool(tally: InputTally, tool: JsonObject): void {
  if (stringIn(tool, 'type') !== 'function' && tool['type'] !== undefined) tally.fill('tool', tool['type'])
}

function addImages(tally: InputTally, images: unknown): void {
  for (const image of asList(images)) tally.add(IMAGE_TOKENS_MAX - (typeof image === 'string' ? image.length : 0))
}

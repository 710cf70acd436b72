import { asList, asObject, asObjects, stringIn } from '../answer.ts'
import { fillByUnknown, InputTally, UNKNOWN_CONTEXT_MAX } from '../input-tally.ts'
import type { JsonObject, RequestFacts } from '../provider.ts'

/* What is known of requests to Cohere (https://docs.cohere.com/reference/chat, https://docs.cohere.com/v1/reference/chat). */

type InputFacts = Pick<RequestFacts, 'inputBound' | 'unknownInput'>

/** Cohere puts text of its own before a prompt, more with tools: up to 1,500 tokens were seen. */
const PREAMBLE_TOKENS_MAX = 4096
/** An image of any size (https://docs.cohere.com/docs/image-inputs). */
const IMAGE_TOKENS_MAX = 50_000

/** https://docs.cohere.com/docs/models */
const CONTEXT_MAX: readonly (readonly [prefix: string, tokens: number])[] = [
  ['command', 288_000],
  ['c4ai', 131_072],
  ['embed', 128_000],
  ['rerank', 32_768],
]

const OPTIONS: ReadonlySet<string> = new Set([
  'chat_history', 'citation_options', 'citation_quality', 'documents', 'end_sequences', 'force_single_step', 'frequency_penalty', 'k', 'logprobs',
  'logit_bias', 'max_input_tokens', 'max_tokens', 'message', 'messages', 'model', 'num_generations', 'p', 'preamble', 'presence_penalty', 'priority', 'prompt',
  'prompt_truncation', 'raw_prompting', 'reasoning_effort', 'response_format', 'return_likelihoods', 'return_prompt', 'safety_mode',
  'search_queries_only', 'seed', 'stop_sequences', 'stream', 'strict_tools', 'temperature', 'thinking', 'tool_choice', 'tool_results', 'tools', 'truncate',
]) // prettier-ignore

const INPUT_OPTIONS: ReadonlySet<string> = new Set([
  'documents', 'embedding_types', 'images', 'input_type', 'inputs', 'max_chunks_per_doc', 'max_tokens', 'max_tokens_per_doc', 'model', 'output_dimension',
  'priority', 'query', 'rank_fields', 'return_documents', 'texts', 'top_n', 'truncate',
]) // prettier-ignore

const MESSAGE_MEMBERS: ReadonlySet<string> = new Set([
  'citations', 'content', 'message', 'role', 'tool_call_id', 'tool_calls', 'tool_plan', 'tool_results',
]) // prettier-ignore

const PART_MEMBERS: ReadonlySet<string> = new Set(['document', 'image_url', 'text', 'thinking', 'type'])

/** @param bytes those of the request */
export function boundChatInput(json: JsonObject, model: string, bytes: number): InputFacts {
  const tally = new InputTally()
  tally.add(PREAMBLE_TOKENS_MAX)
  fillByUnknown(tally, json, OPTIONS, 'option')
  for (const message of [...asList(json['messages']), ...asList(json['chat_history'])]) addMessage(tally, message)
  addTools(tally, json['tools'])
  return tally.boundOf(bytes, contextMaxOf(model))
}

/** Embed and rerank. @param bytes those of the request */
export function boundInput(json: JsonObject, model: string, bytes: number): InputFacts {
  const tally = new InputTally()
  fillByUnknown(tally, json, INPUT_OPTIONS, 'option')
  for (const image of asList(json['images'])) addImage(tally, image)
  for (const input of asObjects(json['inputs'])) addContent(tally, input['content'])
  // Inputs are many, and each may fill the context.
  return tally.boundOf(bytes, contextMaxOf(model) * Math.max(1, asList(json['inputs']).length))
}

function contextMaxOf(model: string): number {
  return CONTEXT_MAX.find(([prefix]) => model.startsWith(prefix))?.[1] ?? UNKNOWN_CONTEXT_MAX
}

function addMessage(tally: InputTally, entry: unknown): void {
  const message = asObject(entry)
  if (message === undefined) return tally.fill('message')
  fillByUnknown(tally, message, MESSAGE_MEMBERS, 'member of a message')
  addContent(tally, message['content'])
}

function addContent(tally: InputTally, content: unknown): void {
  if (content === undefined || content === null || typeof content === 'string') return
  if (!Array.isArray(content)) return tally.fill('content')
  for (const entry of content) {
    const part = asObject(entry) ?? {}
    if (part['type'] === 'image_url') addImage(tally, part['image_url'])
    else if (!TEXTS.has(part['type'])) tally.fill('part', part['type'])
    else fillByUnknown(tally, part, PART_MEMBERS, 'member of a part')
  }
}

const TEXTS: ReadonlySet<unknown> = new Set(['text', 'document', 'thinking'])

function addImage(tally: InputTally, image: unknown): void {
  const url = typeof image === 'string' ? image : stringIn(asObject(image) ?? {}, 'url')
  tally.add(IMAGE_TOKENS_MAX - (url.startsWith('data:') ? url.length : 0))
}

/** Tools of the newer and of the older API; the client runs them all. */
function addTools(tally: InputTally, tools: unknown): void {
  for (const tool of asObjects(tools)) if (tool['type'] !== undefined && tool['type'] !== 'function') tally.fill('tool', tool['type'])
}

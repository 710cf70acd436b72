import { asList, asObject } from '../answer.ts'
import { asksForSomething, fillByUnknown, InputTally } from '../input-tally.ts'
import type { JsonObject, RequestFacts } from '../provider.ts'
import { openAiContextMax } from './context-max.ts'
import { hiddenInput } from './hidden-input.ts'
import { addItems } from './input-items.ts'
import { InputParts } from './input-parts.ts'
import { addTools } from './input-tools.ts'
import { CHAT_OPTIONS, COMPLETION_OPTIONS, EMBEDDING_OPTIONS, RESPONSE_OPTIONS } from './known-options.ts'

/** What the facts of a request say of its input. */
export type InputFacts = Pick<RequestFacts, 'inputBound' | 'unknownInput'>

/** Models that read more than a request says: those that search (OpenAI's, Groq's, OpenRouter's suffix), OpenRouter's stored prompts, files that Qwen-Long finds named in a text. */
const READING_MODEL = /-search-(?:preview|api)|(?:^|\/)compound|:online(?:$|:)|deep-research|@preset\/|qwen-long/

/** @param bytes those of the request */
export function boundChatInput(json: JsonObject, model: string, bytes: number): InputFacts {
  const { tally, parts } = begin(json, model, CHAT_OPTIONS)
  parts.messages(json['messages'])
  addTools(tally, json['tools'])
  return end(tally, json, model, bytes)
}

/** @param bytes likewise */
export function boundResponseInput(json: JsonObject, model: string, bytes: number): InputFacts {
  const { tally, parts } = begin(json, model, RESPONSE_OPTIONS)
  addItems(parts, tally, json['input'])
  addItems(parts, tally, json['instructions'])
  addTools(tally, json['tools'])
  return end(tally, json, model, bytes)
}

/** @param bytes likewise */
export function boundCompletionInput(json: JsonObject, model: string, bytes: number): InputFacts {
  const { tally } = begin(json, model, COMPLETION_OPTIONS)
  if (!isTextOrTokens(json['prompt'])) tally.fill('prompt')
  return end(tally, json, model, bytes)
}

/** Embeddings, and texts that are ranked. @param bytes likewise */
export function boundEmbeddingInput(json: JsonObject, model: string, bytes: number): InputFacts {
  const tally = new InputTally()
  fillByUnknown(tally, json, EMBEDDING_OPTIONS, 'option')
  for (const name of ['input', 'query']) if (!isTextOrTokens(json[name])) tally.fill(name)
  for (const document of asList(json['documents'])) addDocument(tally, document)
  return tally.boundOf(bytes, openAiContextMax(model))
}

function begin(json: JsonObject, model: string, options: ReadonlySet<string>): { readonly tally: InputTally; readonly parts: InputParts } {
  const tally = new InputTally()
  fillByUnknown(tally, json, options, 'option')
  if (READING_MODEL.test(model)) tally.fill('model that reads more than it is sent')
  return { tally, parts: new InputParts(tally, bareModel(model)) }
}

function end(tally: InputTally, json: JsonObject, model: string, bytes: number): InputFacts {
  tally.add(hiddenInput(json, model))
  return tally.boundOf(bytes, openAiContextMax(model))
}

/** Without the name of whoever made it, as others than its maker write it. */
function bareModel(model: string): string {
  return model.slice(model.lastIndexOf('/') + 1)
}

/** A text, tokens, or a list of these; absent is neither. */
function isTextOrTokens(value: unknown, depth = 0): boolean {
  if (!asksForSomething(value) || typeof value === 'string') return true
  return Array.isArray(value) && depth < 3 && value.every((item) => isTextOrTokens(item, depth + 1))
}

const DOCUMENT_MEMBERS: ReadonlySet<string> = new Set([
  'body',
  'content',
  'doc',
  'id',
  'metadata',
  'name',
  'snippet',
  'source',
  'text',
  'title',
])

function addDocument(tally: InputTally, document: unknown): void {
  const object = asObject(document)
  if (object !== undefined) fillByUnknown(tally, object, DOCUMENT_MEMBERS, 'member of a document')
}

import { asObject, stringIn } from '../answer.ts'
import { audioSecondsMaxOf } from '../audio-length.ts'
import { pdfTokens } from '../document-bound.ts'
import { fillByUnknown, type InputTally } from '../input-tally.ts'
import type { JsonObject } from '../provider.ts'
import { audioTokensMax } from './audio-tokens.ts'
import { imageTokensMax } from './image-tokens.ts'

/*
 * The parts of messages and items, by their types: of each it is known what it may bring into the input. Of text the bytes are a
 * bound, and nothing is added. Chat: https://platform.openai.com/docs/api-reference/chat/create; responses:
 * https://platform.openai.com/docs/api-reference/responses/create. Others' types are read where they are documented.
 */

/** The text of a dense page. */
const PAGE_TEXT_TOKENS_MAX = 3000

/** Parts stand in results of tools, which are parts. */
const NESTING_MAX = 8

const TEXT_MEMBERS: ReadonlySet<string> = new Set([
  'annotations', 'cache_control', 'citations', 'data', 'encrypted_content', 'error', 'id', 'index', 'logprobs', 'prompt_cache_breakpoint',
  'reasoning', 'refusal', 'signature', 'summary', 'text', 'thinking', 'thought', 'thought_signature', 'type',
]) // prettier-ignore

/** How the types of parts are counted; what has no type here is not known. */
const KINDS: ReadonlyMap<unknown, 'text' | 'image' | 'sound' | 'file' | 'call' | 'result'> = new Map([
  ['text', 'text'],
  ['input_text', 'text'],
  ['output_text', 'text'],
  ['summary_text', 'text'],
  ['reasoning_text', 'text'],
  ['refusal', 'text'],
  ['thinking', 'text'],
  ['redacted_thinking', 'text'],
  ['reasoning', 'text'],
  ['image', 'image'],
  ['image_url', 'image'],
  ['input_image', 'image'],
  ['computer_screenshot', 'image'],
  ['input_audio', 'sound'],
  ['file', 'file'],
  ['input_file', 'file'],
  ['tool_use', 'call'],
  ['function_call', 'call'],
  ['tool_result', 'result'],
])

const MESSAGE_MEMBERS: ReadonlySet<string> = new Set([
  'additional_kwargs', 'annotations', 'cache_control', 'citations', 'content', 'created_at', 'encrypted_content', 'end_turn', 'finish_reason',
  'function_call', 'id', 'images', 'is_error', 'logprobs', 'name', 'partial', 'phase', 'prefix', 'provider_specific_fields', 'reasoning',
  'reasoning_content', 'reasoning_details', 'refusal', 'response_metadata', 'role', 'status', 'thinking', 'thinking_blocks', 'tool_call_id',
  'tool_calls', 'tool_name', 'tool_plan', 'type', 'weight',
]) // prettier-ignore

/** Counts the parts of a request; each method adds to the tally. */
export class InputParts {
  readonly #tally: InputTally
  readonly #imageTokens: number

  constructor(tally: InputTally, model: string) {
    this.#tally = tally
    this.#imageTokens = imageTokensMax(model)
  }

  /** The messages of a chat. */
  messages(messages: unknown): void {
    if (messages === undefined || messages === null) return
    if (!Array.isArray(messages)) return this.#tally.fill('messages')
    for (const entry of messages) {
      const message = asObject(entry)
      if (message === undefined) this.#tally.fill('message')
      else this.message(message)
    }
  }

  /** A message of a chat, or of a response's input; what is named in it, such as an earlier sound, is no known member. */
  message(message: JsonObject): void {
    fillByUnknown(this.#tally, message, MESSAGE_MEMBERS, 'member of a message')
    this.content(message['content'])
    if (message['images'] !== undefined) this.content(message['images'])
  }

  /** A text, or a list of parts. */
  content(content: unknown, depth = 0): void {
    if (content === undefined || content === null || typeof content === 'string') return
    if (!Array.isArray(content)) return this.#object(content, depth)
    for (const part of content) this.#object(part, depth)
  }

  image(part: JsonObject): void {
    const image = part['image_url'] ?? part['image'] ?? part['url']
    const url = typeof image === 'string' ? image : stringIn(asObject(image) ?? {}, 'url')
    const source = asObject(part['source'])
    const data = stringIn(source ?? {}, 'data')
    // Some take a document or a film under the address of an image.
    if (url !== '' && !/^(?:https?:\/\/|data:image\/|[A-Za-z0-9+/=]+$)/i.test(url.slice(0, 64)))
      return this.#tally.fill('address of an image')
    this.#tally.add(this.#imageTokens - (url.startsWith('http') ? 0 : url.length) - data.length)
  }

  #object(part: unknown, depth: number): void {
    if (typeof part === 'string') return
    const object = asObject(part)
    if (object === undefined || depth > NESTING_MAX) return this.#tally.fill('part')
    this.#part(object, depth)
  }

  #part(part: JsonObject, depth: number): void {
    switch (KINDS.get(part['type'])) {
      case 'text':
        return fillByUnknown(this.#tally, part, TEXT_MEMBERS, 'member of a text')
      case 'image':
        return this.image(part)
      case 'sound':
        return this.#sound(asObject(part['input_audio']) ?? part)
      case 'file':
        return this.#file(asObject(part['file']) ?? part)
      case 'call':
        return
      case 'result':
        return this.content(part['content'], depth + 1)
      case undefined:
        this.#tally.fill('part', part['type'])
    }
  }

  #sound(audio: JsonObject): void {
    const data = stringIn(audio, 'data')
    // Qwen takes an address there too.
    if (data === '' || /^[a-z][a-z0-9+.-]*:\/\//i.test(data.slice(0, 32))) return this.#tally.fill('address of a sound')
    this.#tally.add(audioTokensMax(audioSecondsMaxOf(data)) - data.length)
  }

  /** A page of a PDF is its text and an image of it (https://platform.openai.com/docs/guides/pdf-files). */
  #file(file: JsonObject): void {
    const data = stringIn(file, 'file_data')
    if (isNamed(file['file_id']) || isNamed(file['file_url'])) return this.#tally.fill('file by its name')
    if (data.startsWith('data:text/')) return
    const base64 = data.slice(data.indexOf(',') + 1)
    const tokens = base64 === '' ? Infinity : pdfTokens(base64, this.#imageTokens + PAGE_TEXT_TOKENS_MAX, Infinity)
    this.#tally.add((tokens === Infinity ? 0 : tokens) - data.length)
    // Other documents than PDFs are compressed, and have no pages that can be counted.
    if (tokens === Infinity) this.#tally.fill('file without pages')
  }
}

function isNamed(value: unknown): boolean {
  return value !== undefined && value !== null && value !== ''
}

import { asList, asObject, stringIn } from '../answer.ts'
import { pdfTokens } from '../document-bound.ts'
import { asksForSomething, type InputTally } from '../input-tally.ts'
import { InputParts } from '../openai/input-parts.ts'
import type { JsonObject } from '../provider.ts'

/* The blocks of messages, by their members (https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ContentBlock.html). */

/** An hour of video and more (https://docs.aws.amazon.com/nova/latest/userguide/modalities-video.html). */
const VIDEO_TOKENS_MAX = 276_480

/** Up to 3,000 tokens of text and an image of 1,600 (https://docs.anthropic.com/en/docs/build-with-claude/pdf-support). */
const PAGE_TOKENS_MAX = 4600

/** Of these the bytes are a bound. */
const TEXT_FORMATS: ReadonlySet<unknown> = new Set(['csv', 'html', 'md', 'txt'])

/** Content blocks stand in tool results, which are content blocks. */
const NESTING_MAX = 8

/** Blocks that are text, or stand whole where they are. */
const TEXTS: ReadonlySet<string> = new Set([
  'cachePoint', 'citationsContent', 'json', 'reasoningContent', 'searchResult', 'text', 'toolUse',
]) // prettier-ignore

/** Adds what messages and systems bring beside their own text. */
export class ContentBlocks {
  readonly #tally: InputTally
  readonly #imageTokens: number
  readonly #parts: InputParts

  constructor(tally: InputTally, { imageTokensMax, model }: { readonly imageTokensMax: number; readonly model: string }) {
    this.#tally = tally
    this.#imageTokens = imageTokensMax
    this.#parts = new InputParts(tally, model)
  }

  /** A text, or a list of blocks. */
  add(content: unknown, depth = 0): void {
    if (content === undefined || content === null || typeof content === 'string') return
    if (!Array.isArray(content) || depth > NESTING_MAX) return this.#tally.fill('content')
    for (const entry of content) {
      const block = asObject(entry)
      if (block === undefined) this.#tally.fill('block')
      // Models of others take the parts of their makers.
      else if (block['type'] !== undefined) this.#parts.content([block])
      else this.#addBlock(block, depth)
    }
  }

  #addBlock(block: JsonObject, depth: number): void {
    for (const [name, value] of Object.entries(block)) {
      if (!TEXTS.has(name) && asksForSomething(value)) this.#addMember(name, asObject(value) ?? {}, depth)
    }
  }

  #addMember(name: string, value: JsonObject, depth: number): void {
    switch (name) {
      case 'image':
        return this.#tally.add(this.#imageTokens - dataOf(value).length)
      case 'video':
        return this.#tally.add(VIDEO_TOKENS_MAX - dataOf(value).length)
      case 'document':
        return this.#addDocument(value)
      case 'toolResult':
        return this.add(value['content'], depth + 1)
      case 'guardContent':
        return this.add([value], depth + 1)
      default:
        this.#tally.fill('block', name)
    }
  }

  #addDocument(document: JsonObject): void {
    const source = asObject(document['source']) ?? {}
    if (typeof source['text'] === 'string') return
    if (source['content'] !== undefined) return this.add(asList(source['content']), 1)
    const data = dataOf(document)
    if (data === '') return this.#tally.fill('document by its place')
    if (TEXT_FORMATS.has(document['format'])) return
    const tokens = document['format'] === 'pdf' ? pdfTokens(data, PAGE_TOKENS_MAX, Infinity) : Infinity
    this.#tally.add((tokens === Infinity ? 0 : tokens) - data.length)
    if (tokens === Infinity) this.#tally.fill('document without pages')
  }
}

/** In base64; '' where it stands elsewhere. */
function dataOf(media: JsonObject): string {
  return stringIn(asObject(media['source']) ?? {}, 'bytes')
}

import { asObject, stringIn } from '../answer.ts'
import { pdfTokens } from '../document-bound.ts'
import { fillByUnknown, type InputTally } from '../input-tally.ts'
import type { JsonObject } from '../provider.ts'

/* The blocks of Claude's messages, by their types (https://docs.anthropic.com/en/api/messages). Text counts by its bytes. */

/** The most tokens that Anthropic counts for one image: width x height / 750, for the largest size (https://docs.anthropic.com/en/docs/build-with-claude/vision). */
const IMAGE_TOKENS_MAX = 5000

/** A page of a PDF: up to 3,000 tokens of text and an image of 1,600 (https://docs.anthropic.com/en/docs/build-with-claude/pdf-support). */
const PAGE_TOKENS_MAX = 4600

/** Blocks stand in results of tools and in documents. */
const NESTING_MAX = 8

type Kind = 'text' | 'image' | 'document' | 'nested' | 'fetched'

/** How the types are counted; what has no type here is not known. Results of the provider's own tools stand in them whole. */
const KINDS: ReadonlyMap<unknown, Kind> = new Map<string, Kind>([
  ['text', 'text'],
  ['thinking', 'text'],
  ['redacted_thinking', 'text'],
  ['tool_use', 'text'],
  ['server_tool_use', 'text'],
  ['mcp_tool_use', 'text'],
  ['tool_reference', 'text'],
  ['compaction', 'text'],
  ['search_result', 'text'],
  ['web_search_tool_result', 'text'],
  ['code_execution_tool_result', 'text'],
  ['bash_code_execution_tool_result', 'text'],
  ['text_editor_code_execution_tool_result', 'text'],
  ['tool_search_tool_result', 'text'],
  ['advisor_tool_result', 'text'],
  ['image', 'image'],
  ['document', 'document'],
  ['tool_result', 'nested'],
  ['mcp_tool_result', 'nested'],
  ['web_fetch_tool_result', 'fetched'],
])

const MEMBERS: ReadonlySet<string> = new Set([
  'cache_control', 'caller', 'citations', 'content', 'context', 'data', 'encrypted_content', 'id', 'input', 'is_error', 'name',
  'server_name', 'signature', 'source', 'text', 'thinking', 'title', 'tool_name', 'tool_use_id', 'type',
]) // prettier-ignore

/** A text, or a list of blocks. */
export function addBlocks(tally: InputTally, content: unknown, depth = 0): void {
  if (content === undefined || content === null || typeof content === 'string') return
  if (!Array.isArray(content) || depth > NESTING_MAX) return tally.fill('content')
  for (const entry of content) {
    const block = asObject(entry)
    if (block === undefined) tally.fill('block')
    else addBlock(tally, block, depth)
  }
}

function addBlock(tally: InputTally, block: JsonObject, depth: number): void {
  const kind = KINDS.get(block['type'])
  if (kind === undefined) return tally.fill('block', block['type'])
  fillByUnknown(tally, block, MEMBERS, 'member of a block')
  switch (kind) {
    case 'text':
      return
    case 'image':
      return tally.add(IMAGE_TOKENS_MAX - stringIn(asObject(block['source']) ?? {}, 'data').length)
    case 'document':
      return addDocument(tally, asObject(block['source']) ?? {}, depth)
    case 'nested':
      return addBlocks(tally, block['content'], depth + 1)
    case 'fetched': {
      const document = asObject(asObject(block['content'])?.['content'])
      if (document !== undefined) addBlocks(tally, [document], depth + 1)
    }
  }
}

/** A PDF counts by its pages, since its bytes are compressed; what is named by a place elsewhere has none that can be counted. */
function addDocument(tally: InputTally, source: JsonObject, depth: number): void {
  switch (source['type']) {
    case 'text':
      return
    case 'content':
      return addBlocks(tally, source['content'], depth + 1)
    case 'base64': {
      const data = stringIn(source, 'data')
      const tokens = pdfTokens(data, PAGE_TOKENS_MAX, Infinity)
      tally.add((tokens === Infinity ? 0 : tokens) - data.length)
      if (tokens === Infinity) tally.fill('document without pages')
      return
    }
    default:
      tally.fill('document by its place', source['type'])
  }
}

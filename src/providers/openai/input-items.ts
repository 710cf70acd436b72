import { asObject, asObjects, stringIn } from '../answer.ts'
import { fillByUnknown, type InputTally } from '../input-tally.ts'
import type { JsonObject } from '../provider.ts'
import type { InputParts } from './input-parts.ts'
import { addTools } from './input-tools.ts'

/* The items of a response's input (https://platform.openai.com/docs/api-reference/responses/create#responses_create-input). */

/** What an item may say of itself; all of it is text, or looked at where it stands. */
const ITEM_MEMBERS: ReadonlySet<string> = new Set([
  'acknowledged_safety_checks', 'action', 'actions', 'agent', 'approval_request_id', 'approve', 'arguments', 'call_id', 'caller', 'code',
  'content', 'created_by', 'encrypted_content', 'environment', 'error', 'execution', 'format', 'id', 'input', 'max_output_length', 'name',
  'namespace', 'operation', 'output', 'outputs', 'pending_safety_checks', 'phase', 'queries', 'reason', 'result', 'results', 'role',
  'server_label', 'signature', 'status', 'summary', 'tools', 'type',
]) // prettier-ignore

/** How the types of items are counted; what has no type here is not known. */
const KINDS: ReadonlyMap<unknown, 'text' | 'result' | 'tools' | 'reasoning' | 'image' | 'search'> = new Map([
  ['function_call', 'text'],
  ['custom_tool_call', 'text'],
  ['computer_call', 'text'],
  ['local_shell_call', 'text'],
  ['local_shell_call_output', 'text'],
  ['shell_call', 'text'],
  ['shell_call_output', 'text'],
  ['apply_patch_call', 'text'],
  ['apply_patch_call_output', 'text'],
  ['mcp_list_tools', 'text'],
  ['mcp_call', 'text'],
  ['mcp_approval_request', 'text'],
  ['mcp_approval_response', 'text'],
  ['tool_search_call', 'text'],
  ['function_call_output', 'result'],
  ['custom_tool_call_output', 'result'],
  ['computer_call_output', 'result'],
  ['tool_search_output', 'tools'],
  ['additional_tools', 'tools'],
  ['reasoning', 'reasoning'],
  ['compaction', 'reasoning'],
  ['compaction_summary', 'reasoning'],
  ['image_generation_call', 'image'],
  ['file_search_call', 'search'],
])

/** The input of a response: a text, or a list of items. */
export function addItems(parts: InputParts, tally: InputTally, input: unknown): void {
  if (!Array.isArray(input)) return parts.content(input)
  for (const entry of input) {
    const item = asObject(entry)
    if (item !== undefined) addItem(parts, tally, item)
    else if (typeof entry !== 'string') tally.fill('item')
  }
}

function addItem(parts: InputParts, tally: InputTally, item: JsonObject): void {
  const type = item['type'] ?? 'message'
  if (type === 'message') return parts.message(item)
  fillByUnknown(tally, item, ITEM_MEMBERS, 'member of an item')
  switch (KINDS.get(type)) {
    case 'text':
      return
    case 'result':
      return parts.content(item['output'])
    case 'tools':
      return addTools(tally, item['tools'])
    case 'reasoning':
      return addReasoning(parts, tally, item)
    case 'image':
      return parts.image({ image_url: item['result'] })
    case 'search':
      if (!Array.isArray(item['results'])) tally.fill('item', type)
      return
    case undefined:
      tally.fill('item', type)
  }
}

/** What it says may stand in it, encrypted or not; an id alone names what the provider keeps. */
function addReasoning(parts: InputParts, tally: InputTally, item: JsonObject): void {
  parts.content(item['content'])
  const isThere = stringIn(item, 'encrypted_content') !== '' || asObjects(item['content']).length > 0
  if (!isThere && item['id'] !== undefined && item['id'] !== null) tally.fill('reasoning by its name')
}

import { asList, asObject, asObjects } from '../answer.ts'
import { PROVIDER_TOOL_TOKENS, TOOL_PROMPT_TOKENS_MAX } from '../hidden-input.ts'
import { fillByUnknown, InputTally } from '../input-tally.ts'
import type { JsonObject, RequestFacts } from '../provider.ts'
import { addBlocks } from './content-blocks.ts'
import { anthropicContextMax } from './context-max.ts'

/** What asking for citations adds; it is not published, some 600 were measured. */
const CITATION_PROMPT_TOKENS_MAX = 1000

/** Tools that the client runs, beside its own (https://docs.anthropic.com/en/docs/agents-and-tools/tool-use/overview). */
const CLIENT_TOOL = /^(?:custom$|bash_|text_editor_|computer_|memory_)/

/** They give back tools of the request itself, again and again. */
const TOOL_SEARCH = /^tool_search_tool_/

const TOOL_MEMBERS: ReadonlySet<string> = new Set([
  'allowed_callers', 'cache_control', 'defer_loading', 'description', 'display_height_px', 'display_number', 'display_width_px',
  'eager_input_streaming', 'enable_zoom', 'input_examples', 'input_schema', 'max_characters', 'name', 'strict', 'type',
]) // prettier-ignore

/** Options that bring nothing into the input beside their own text (https://docs.anthropic.com/en/api/messages). */
const OPTIONS: ReadonlySet<string> = new Set([
  'anthropic_beta', 'anthropic_version', 'betas', 'cache_control', 'context_management', 'fallbacks', 'inference_geo', 'max_tokens', 'mcp_servers',
  'messages', 'metadata', 'model', 'output_config', 'output_format', 'service_tier', 'speed', 'stop_sequences', 'stream', 'system', 'temperature',
  'thinking', 'tool_choice', 'tools', 'top_k', 'top_p', 'user_profile_id',
]) // prettier-ignore

const MESSAGE_MEMBERS: ReadonlySet<string> = new Set(['content', 'id', 'role'])

/** The facts of a request to Claude. */
export function boundMessagesInput(body: Buffer, json: JsonObject, model: string): Pick<RequestFacts, 'inputBound' | 'unknownInput'> {
  const tally = new InputTally()
  addMessagesInput(tally, body, json)
  return tally.boundOf(body.length, anthropicContextMax(model))
}

/** What a request in Claude's own format brings into its input. */
export function addMessagesInput(tally: InputTally, body: Buffer, json: JsonObject): void {
  fillByUnknown(tally, json, OPTIONS, 'option')
  addBlocks(tally, json['system'])
  for (const entry of asList(json['messages'])) {
    const message = asObject(entry)
    if (message === undefined) tally.fill('message')
    else fillByUnknown(tally, message, MESSAGE_MEMBERS, 'member of a message')
    addBlocks(tally, message?.['content'])
  }
  addClaudeTools(tally, json['tools'])
  if (asList(json['mcp_servers']).length > 0) tally.fill('MCP server')
  addContextEdits(tally, json['context_management'])
  if (body.includes('"citations"')) tally.add(CITATION_PROMPT_TOKENS_MAX)
}

/** What tools bring beside their own text: those of the client a prompt that explains them, others what they find. */
function addClaudeTools(tally: InputTally, tools: unknown): void {
  const list = asList(tools)
  if (list.length > 0) tally.add(TOOL_PROMPT_TOKENS_MAX)
  for (const tool of asObjects(list)) {
    const type = tool['type'] ?? 'custom'
    if (typeof type === 'string' && TOOL_SEARCH.test(type)) tally.add(PROVIDER_TOOL_TOKENS)
    else if (typeof type !== 'string' || !CLIENT_TOOL.test(type)) tally.fill('tool', type)
    else fillByUnknown(tally, tool, TOOL_MEMBERS, 'member of a tool')
  }
}

/** To clear takes from the input; to compact reads it once more (https://docs.anthropic.com/en/docs/build-with-claude/context-editing). */
function addContextEdits(tally: InputTally, management: unknown): void {
  const edits = asObjects(asObject(management)?.['edits'])
  const isHarmless = edits.every(({ type }) => typeof type === 'string' && type.startsWith('clear_'))
  if (!isHarmless) tally.fill('context management')
}

const COMPLETE_OPTIONS: ReadonlySet<string> = new Set([
  'max_tokens_to_sample', 'metadata', 'model', 'prompt', 'stop_sequences', 'stream', 'temperature', 'top_k', 'top_p',
]) // prettier-ignore

/** The facts of a completion of text. */
export function boundPromptInput(body: Buffer, json: JsonObject, model: string): Pick<RequestFacts, 'inputBound' | 'unknownInput'> {
  const tally = new InputTally()
  fillByUnknown(tally, json, COMPLETE_OPTIONS, 'option')
  return tally.boundOf(body.length, anthropicContextMax(model))
}

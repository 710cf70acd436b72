import { asObject } from '../answer.ts'

/** Members that hold text which models read or write, as Converse and the models' own formats name them. */
const TEXT_MEMBERS: ReadonlySet<string> = new Set([
  'choices', 'chat_history', 'completion', 'completions', 'content', 'contentBlockDelta', 'contentBlockStart', 'content_block', 'delta',
  'description', 'documents', 'function', 'generation', 'generations', 'inputText', 'message', 'messages', 'name', 'output',
  'outputText', 'outputs', 'preamble', 'prompt', 'query', 'reasoningContent', 'reasoningText', 'reasoning_content', 'refusal', 'results',
  'start', 'system', 'text', 'texts', 'thinking', 'toolConfig', 'toolResult', 'toolSpec', 'toolUse', 'tool_calls', 'tools',
]) // prettier-ignore

/** Members that hold JSON of the caller's own, all of which the model reads or writes. */
const JSON_MEMBERS: ReadonlySet<string> = new Set([
  'arguments', 'input', 'inputSchema', 'input_schema', 'json', 'parameters', 'partial_json', 'promptVariables',
]) // prettier-ignore

/** Deeper than any API nests its text; bounds the recursion. */
const DEPTH_MAX = 40

/** All text in a value, without the data of images and files. */
export function textIn(value: unknown, isAll = false, depth = 0): string {
  if (typeof value === 'string') return value
  if (isAll && typeof value === 'number') return String(value)
  if (depth > DEPTH_MAX) return ''
  if (Array.isArray(value)) return value.map((item: unknown) => textIn(item, isAll, depth + 1)).join('')
  const object = asObject(value)
  if (object === undefined) return ''
  return Object.entries(object)
    .map(([name, member]) => {
      if (isAll) return name + textIn(member, true, depth + 1)
      if (JSON_MEMBERS.has(name)) return textIn(member, true, depth + 1)
      return TEXT_MEMBERS.has(name) ? textIn(member, false, depth + 1) : ''
    })
    .join('')
}

import { asObject } from '../answer.ts'
import { PROVIDER_TOOL_TOKENS } from '../hidden-input.ts'
import { fillByUnknown, type InputTally } from '../input-tally.ts'
import type { JsonObject } from '../provider.ts'

/** Tools that the client runs (https://platform.openai.com/docs/guides/tools); all others are run by the provider. */
const CLIENT_TOOLS: ReadonlySet<string> = new Set([
  'function', 'custom', 'namespace', 'shell', 'local_shell', 'apply_patch', 'computer', 'computer_use_preview',
]) // prettier-ignore

const TOOL_MEMBERS: ReadonlySet<string> = new Set([
  'allowed_callers', 'cache_control', 'custom', 'defer_loading', 'description', 'display_height', 'display_width', 'environment', 'format',
  'function', 'input_examples', 'input_schema', 'name', 'output_schema', 'parameters', 'strict', 'tools', 'type',
]) // prettier-ignore

/** Tools stand in namespaces, which are tools. */
const NESTING_MAX = 4

/** What tools bring into the input beside their own text: those of the client nothing, those of the provider what they find. */
export function addTools(tally: InputTally, tools: unknown, depth = 0): void {
  if (tools === undefined || tools === null) return
  if (!Array.isArray(tools) || depth > NESTING_MAX) return tally.fill('tools')
  for (const entry of tools) {
    const tool = asObject(entry)
    if (tool === undefined) tally.fill('tool')
    else addTool(tally, tool, depth)
  }
}

function addTool(tally: InputTally, tool: JsonObject, depth: number): void {
  const type = tool['type'] ?? 'function'
  // It gives back what the request itself has, again and again.
  if (type === 'tool_search') return tally.add(PROVIDER_TOOL_TOKENS)
  if (typeof type !== 'string' || !CLIENT_TOOLS.has(type) || isInContainer(tool)) return tally.fill('tool', type)
  fillByUnknown(tally, tool, TOOL_MEMBERS, 'member of a tool')
  addTools(tally, tool['tools'], depth + 1)
}

/**
 * A shell in a container is run by the provider (https://platform.openai.com/docs/guides/tools-shell); of a computer, which the client
 * runs, the environment is a word.
 */
function isInContainer({ environment }: JsonObject): boolean {
  return environment !== undefined && environment !== null && typeof environment !== 'string' && asObject(environment)?.['type'] !== 'local'
}

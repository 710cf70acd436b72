import { asObjects } from './answer.ts'

/**
 * What a tool that the provider runs itself (a search of the web, code, another model) may add to the input: results come back
 * into it, as often as the model asks. Recorded answers have up to 33,000 tokens of it; it has no bound, and what is more is
 * charged as an overrun.
 */
export const PROVIDER_TOOL_TOKENS = 40_000

/** What a model's own template says around a request, where it is not published: up to 500 tokens were recorded. */
export const TEMPLATE_TOKENS_MAX = 512

/** What it says to explain tools, or a format that is to be answered in: up to 350 tokens were recorded. */
export const TOOL_PROMPT_TOKENS_MAX = 1000

/** @param isOfClient true for the type of a tool that the client runs */
export function providerToolTokens(tools: unknown, isOfClient: (type: string) => boolean): number {
  const isAny = asObjects(tools).some(({ type }) => typeof type === 'string' && !isOfClient(type))
  return isAny ? PROVIDER_TOOL_TOKENS : 0
}

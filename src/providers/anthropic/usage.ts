import { type TokenCounts, toCount } from '../../domain/usage/usage.ts'
import { asObject, asObjects, stringIn } from '../answer.ts'
import type { JsonObject, ReportedPart } from '../provider.ts'
import { tokenCounts } from '../../domain/usage/token-counts.ts'

/** The members of Anthropic's usage object that count tokens. Its `input_tokens` are those that no cache had to do with. */
const COUNTS = ['input_tokens', 'cache_read_input_tokens', 'cache_creation_input_tokens', 'output_tokens'] as const

/** The members that stand deeper in it. */
const DEEPER = [
  ['thinking_tokens', 'output_tokens_details', 'thinking_tokens'],
  ['hour', 'cache_creation', 'ephemeral_1h_input_tokens'],
  ['searches', 'server_tool_use', 'web_search_requests'],
] as const

type RawCounts = Partial<Record<(typeof COUNTS)[number] | (typeof DEEPER)[number][0], number>>

/**
 * A report that grows: its counts are cumulative (`message_delta` is never to be added, and relays end it with zeros), so that a later
 * one never lowers what an earlier one said.
 */
export class AnthropicUsage {
  #counts: RawCounts = {}
  #iterations: readonly JsonObject[] = []

  merge(value: unknown): void {
    const usage = asObject(value)
    if (usage === undefined) return
    for (const [name, count] of Object.entries(rawCounts(usage))) {
      if (isCountName(name)) this.#counts[name] = Math.max(this.#counts[name] ?? 0, count)
    }
    const iterations = asObjects(usage['iterations'])
    if (iterations.length > 0) this.#iterations = iterations
  }

  /** With iterations (compaction, an advisor's model, fallbacks) the sum of those that name no model: the top level leaves some out. */
  tokens(): TokenCounts | undefined {
    if (this.#iterations.length === 0) return toTokens(this.#counts)
    const billed = billedOf(this.#iterations)
    const own = billed.filter((iteration) => modelIn(iteration) === '')
    const sum = sumOf(own)
    for (const [name] of DEEPER) {
      // The top level has them for the model that answers.
      const count = sum[name] ?? (own.length > 0 || name === 'searches' ? this.#counts[name] : undefined)
      if (count !== undefined) sum[name] = count
    }
    return toTokens(sum) ?? toTokens({ ...sum, input_tokens: 0, output_tokens: 0 })
  }

  /** The iterations of models that they name, one part for each model. */
  others(): readonly ReportedPart[] {
    const byModel = Map.groupBy(billedOf(this.#iterations), modelIn)
    byModel.delete('')
    return [...byModel].map(([model, iterations]) => ({ model, counts: toTokens(sumOf(iterations)) ?? {} }))
  }
}

/**
 * An attempt that a fallback followed and that produced nothing is not billed
 * (https://platform.claude.com/docs/en/build-with-claude/refusals-and-fallback).
 */
function billedOf(iterations: readonly JsonObject[]): readonly JsonObject[] {
  if (!iterations.some(({ type }) => type === 'fallback_message')) return iterations
  return iterations.filter(({ type, output_tokens: output }) => !(ATTEMPTS.has(type) && output === 0))
}

const ATTEMPTS: ReadonlySet<unknown> = new Set(['message', 'fallback_message'])

function modelIn(iteration: JsonObject): string {
  return stringIn(iteration, 'model')
}

function sumOf(iterations: readonly JsonObject[]): RawCounts {
  const sum: RawCounts = {}
  for (const iteration of iterations) {
    for (const [name, count] of Object.entries(rawCounts(iteration))) {
      if (isCountName(name)) sum[name] = (sum[name] ?? 0) + count
    }
  }
  return sum
}

function isCountName(name: string): name is keyof RawCounts {
  return COUNTS.some((known) => known === name) || DEEPER.some(([known]) => known === name)
}

function rawCounts(usage: JsonObject): RawCounts {
  const raw: RawCounts = {}
  for (const name of COUNTS) {
    const count = toCount(usage[name])
    if (count !== undefined) raw[name] = count
  }
  for (const [name, member, count] of DEEPER) {
    const value = toCount(asObject(usage[member])?.[count])
    if (value !== undefined) raw[name] = value
  }
  return raw
}

function toTokens(raw: RawCounts): TokenCounts | undefined {
  const { input_tokens: plain, cache_read_input_tokens: cachedInput, cache_creation_input_tokens: cacheWrite, output_tokens: output } = raw
  const { thinking_tokens: reasoning, hour: cacheWriteHour, searches: webSearches } = raw
  if (plain === undefined && output === undefined) return undefined
  const input = plain === undefined ? undefined : plain + (cachedInput ?? 0) + (cacheWrite ?? 0)
  return tokenCounts({ input, cachedInput, cacheWrite, cacheWriteHour, output, reasoning, webSearches })
}

import { type TokenCounts, toCount } from '../../domain/usage/usage.ts'
import { asObject, asObjects } from '../answer.ts'
import type { JsonObject } from '../provider.ts'
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

/** A report that grows: each later one replaces what it names (`message_delta` is cumulative, never to be added). */
export class AnthropicUsage {
  #counts: RawCounts = {}
  #iterations: readonly JsonObject[] = []

  merge(value: unknown): void {
    const usage = asObject(value)
    if (usage === undefined) return
    this.#counts = { ...this.#counts, ...rawCounts(usage) }
    const iterations = asObjects(usage['iterations'])
    if (iterations.length > 0) this.#iterations = iterations
  }

  /** With iterations (compaction, an advisor's model) the sum of them: the top level leaves some out. */
  tokens(): TokenCounts | undefined {
    if (this.#iterations.length === 0) return toTokens(this.#counts)
    const sum: RawCounts = {}
    for (const iteration of this.#iterations) {
      for (const [name, count] of Object.entries(rawCounts(iteration))) {
        if (isCountName(name)) sum[name] = (sum[name] ?? 0) + count
      }
    }
    for (const [name] of DEEPER) {
      const count = sum[name] ?? this.#counts[name]
      if (count !== undefined) sum[name] = count
    }
    return toTokens(sum)
  }
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

import { type TokenCounts, toCount } from '../../domain/usage.ts'
import { asObject, asObjects } from '../answer.ts'
import type { JsonObject } from '../provider.ts'

/** The members of Anthropic's usage object that count tokens. Its `input_tokens` are those that no cache had to do with. */
const COUNTS = ['input_tokens', 'cache_read_input_tokens', 'cache_creation_input_tokens', 'output_tokens'] as const

type RawCounts = Partial<Record<(typeof COUNTS)[number] | 'thinking_tokens', number>>

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
    const thinking = this.#counts.thinking_tokens
    return toTokens({ ...sum, ...(sum.thinking_tokens === undefined && thinking !== undefined ? { thinking_tokens: thinking } : {}) })
  }
}

function isCountName(name: string): name is keyof RawCounts {
  return name === 'thinking_tokens' || COUNTS.some((known) => known === name)
}

function rawCounts(usage: JsonObject): RawCounts {
  const raw: RawCounts = {}
  for (const name of COUNTS) {
    const count = toCount(usage[name])
    if (count !== undefined) raw[name] = count
  }
  const thinking = toCount(asObject(usage['output_tokens_details'])?.['thinking_tokens'])
  return thinking === undefined ? raw : { ...raw, thinking_tokens: thinking }
}

function toTokens(raw: RawCounts): TokenCounts | undefined {
  const { input_tokens: plain, cache_read_input_tokens: cachedInput, cache_creation_input_tokens: cacheWrite, output_tokens: output } = raw
  const { thinking_tokens: reasoning } = raw
  if (plain === undefined && output === undefined) return undefined
  return {
    ...(plain === undefined ? {} : { input: plain + (cachedInput ?? 0) + (cacheWrite ?? 0) }),
    ...(cachedInput === undefined ? {} : { cachedInput }),
    ...(cacheWrite === undefined ? {} : { cacheWrite }),
    ...(output === undefined ? {} : { output }),
    ...(reasoning === undefined ? {} : { reasoning }),
  }
}

import { type TokenCounts, toCount } from '../../domain/usage/usage.ts'
import { type AnswerParts, asObject, ReadingSoFar, textOf } from '../answer.ts'
import type { JsonObject } from '../provider.ts'
import { tokenCounts } from '../../domain/usage/token-counts.ts'

/** Where the versions of the API put their report: at the top, or in the event that ends a stream. */
function reportIn(data: JsonObject): JsonObject | undefined {
  const ends = asObject(asObject(data['delta'])?.['usage']) ?? asObject(asObject(data['response'])?.['meta'])
  return asObject(data['usage']) ?? asObject(data['meta']) ?? ends
}

/** `tokens` is what was used, a hidden preamble among it; `billed_units`, which leaves that out, stands in where it is absent. */
function readTokens(report: JsonObject | undefined): TokenCounts | undefined {
  const tokens = asObject(report?.['tokens']) ?? asObject(report?.['billed_units'])
  const input = toCount(tokens?.['input_tokens'])
  const output = toCount(tokens?.['output_tokens'])
  if (input === undefined && output === undefined) return undefined
  return tokenCounts({ input, output, cachedInput: toCount(report?.['cached_tokens']), reasoning: toCount(tokens?.['reasoning_tokens']) })
}

/** Chat of both versions, and generate (https://docs.cohere.com/reference/chat). */
export function readChatParts(): AnswerParts {
  const soFar = new ReadingSoFar()
  const read = (data: JsonObject): boolean => {
    const report = reportIn(data)
    const tokens = readTokens(report)
    const isComplete = tokens?.input?.total !== undefined && tokens.output?.total !== undefined
    soFar.report(tokens, isComplete, report?.['tokens'])
    return isComplete
  }
  return {
    event: (data) => {
      read(data)
      soFar.produce(textOf(asObject(data['delta'])?.['message'] ?? (data['event_type'] === 'stream-end' ? '' : data['text'])))
    },
    whole: (data) => {
      if (!read(data)) soFar.produce(textOf(data['message'] ?? data['text'] ?? data['generations']))
    },
    reading: () => soFar.reading(),
  }
}

/** Embeddings have an input only. */
export function readEmbedParts(): AnswerParts {
  const soFar = new ReadingSoFar()
  const read = (data: JsonObject) => {
    const tokens = readTokens(reportIn(data))
    soFar.report(tokens?.input?.total === undefined ? undefined : { input: tokens.input }, true, reportIn(data)?.['billed_units'])
  }
  return { event: read, whole: read, reading: () => soFar.reading() }
}

/** Rerank is billed by searches: it uses no tokens where it says how many searches it was. Others that speak it count tokens. */
export function readRerankParts(): AnswerParts {
  const soFar = new ReadingSoFar()
  const read = (data: JsonObject) => {
    const units = asObject(asObject(data['meta'])?.['billed_units'])
    const tokens = readTokens({ billed_units: units })
    const total = toCount(asObject(data['usage'])?.['total_tokens'])
    const counts = tokens ?? (total === undefined ? undefined : tokenCounts({ input: total }))
    soFar.report(counts ?? (toCount(units?.['search_units']) === undefined ? undefined : {}), true, units ?? data['usage'])
  }
  return { event: read, whole: read, reading: () => soFar.reading() }
}

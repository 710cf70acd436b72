import { largerCounts, type TokenCounts } from '../../domain/usage/usage.ts'
import { asObject, asObjects, parseObject, ReadingSoFar } from '../answer.ts'
import { withRefusals } from '../anthropic/refusal.ts'
import { readMessageParts } from '../anthropic/stream.ts'
import { readBilling } from '../billing.ts'
import type { AnswerHeaders, AnswerReading, JsonObject } from '../provider.ts'
import type { BedrockParts } from './event-stream-answer.ts'
import { textIn } from './text.ts'
import { readInvocationMetrics, readNativeUsage, readUsageHeaders, usageObjectOf } from './usage.ts'

const METRICS = 'amazon-bedrock-invocationMetrics'

/**
 * An answer of InvokeModel, or the chunks of InvokeModelWithResponseStream: whatever the model itself writes. Its own report
 * counts where it has both input and output; else what the service says beside it, in headers or in the last chunk's metrics.
 */
export function readInvokeParts(headers: AnswerHeaders): BedrockParts {
  const parts = new InvokeParts(headers)
  return {
    event: (name, data) => {
      const chunk = name === 'chunk' ? chunkOf(data) : undefined
      if (chunk !== undefined) parts.chunk(chunk)
    },
    fail: () => parts.fail(),
    whole: (data) => parts.whole(data),
    reading: () => parts.reading(),
  }
}

/** `{"bytes": "<JSON in base64>"}` */
function chunkOf({ bytes }: JsonObject): JsonObject | undefined {
  return typeof bytes === 'string' ? parseObject(Buffer.from(bytes, 'base64').toString()) : undefined
}

class InvokeParts {
  readonly #headers: AnswerHeaders
  readonly #claude = withRefusals(readMessageParts())
  readonly #soFar = new ReadingSoFar()
  #isClaude = false
  #native: TokenCounts | undefined
  #isNativeFinal = false
  /** What the service says beside the model. */
  #service: TokenCounts | undefined
  #hasUsage = false
  #hasNoOutput = false

  constructor(headers: AnswerHeaders) {
    this.#headers = headers
    this.#service = readUsageHeaders(headers)
  }

  chunk(data: JsonObject): void {
    this.#service = readInvocationMetrics(data[METRICS]) ?? this.#service
    if (this.#isOfClaude(data)) return this.#claude.event(data)
    this.#readNative(data)
    this.#soFar.produce(textIn(data))
  }

  whole(data: JsonObject): void {
    if (this.#isOfClaude(data)) return this.#claude.whole(data)
    this.#hasNoOutput = isWithoutOutput(data)
    this.#readNative(data)
    if (!this.#combined().isComplete) this.#soFar.produce(textIn(data))
  }

  fail(): void {
    this.#soFar.fail()
  }

  reading(): AnswerReading {
    const combined = this.#combined()
    const { isError } = this.#soFar.reading()
    const billing = readBilling(undefined, this.#headers['x-amzn-bedrock-service-tier'])
    return {
      ...combined,
      isError: combined.isError || isError,
      ...(billing.tier === undefined ? {} : { billing }),
      ...(this.#hasUsage && combined.reported === undefined ? { isNotUnderstood: true } : {}),
    }
  }

  #isOfClaude(data: JsonObject): boolean {
    this.#hasUsage ||= usageObjectOf(data) !== undefined || asObject(data[METRICS]) !== undefined
    if (!CLAUDE_TYPES.has(data['type'])) return false
    this.#isClaude = true
    return true
  }

  #readNative(data: JsonObject): void {
    if (data['error'] !== undefined && data['error'] !== null) this.#soFar.fail()
    const counts = readNativeUsage(data)
    if (counts === undefined) return
    this.#soFar.report(counts, false, usageObjectOf(data))
    this.#native = largerCounts(this.#native ?? {}, counts)
    // Llama's counts grow with every chunk.
    this.#isNativeFinal = data['generation_token_count'] === undefined || typeof data['stop_reason'] === 'string'
  }

  #combined(): AnswerReading {
    const own = this.#isClaude ? this.#claude.reading() : this.#nativeReading()
    if (own.isComplete || this.#service === undefined) return own
    const reported = largerCounts(own.reported ?? {}, this.#service)
    return { ...own, reported, isComplete: this.#covers(reported) }
  }

  #nativeReading(): AnswerReading {
    const reading = this.#soFar.reading()
    if (this.#native === undefined) return reading
    return { ...reading, reported: this.#native, isComplete: this.#isNativeFinal && this.#covers(this.#native) }
  }

  #covers({ input, output }: TokenCounts): boolean {
    return input?.total !== undefined && (output?.total !== undefined || this.#hasNoOutput)
  }
}

/** The types of Claude's messages and of their events (https://docs.anthropic.com/en/docs/build-with-claude/streaming). */
const CLAUDE_TYPES: ReadonlySet<unknown> = new Set([
  'message', 'message_start', 'content_block_start', 'content_block_delta', 'content_block_stop', 'message_delta', 'message_stop',
  'ping', 'error',
]) // prettier-ignore

/** True for embeddings, images and rankings: what is no text has no output tokens. */
function isWithoutOutput(data: JsonObject): boolean {
  const isScored = (item: JsonObject) => item['relevance_score'] !== undefined || item['embedding'] !== undefined
  return (
    ['embedding', 'embeddings', 'embeddingsByType', 'images', 'artifacts'].some((name) => data[name] !== undefined) ||
    [...asObjects(data['results']), ...asObjects(data['data'])].some(isScored)
  )
}

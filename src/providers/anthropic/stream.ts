import type { Billing, TokenCounts } from '../../domain/usage/usage.ts'
import { type AnswerParts, asObject, ReadingSoFar, stringIn, textOf } from '../answer.ts'
import { toServiceTier } from '../billing.ts'
import type { JsonObject } from '../provider.ts'
import { messageTier } from './tier.ts'
import { AnthropicUsage } from './usage.ts'

/**
 * A message, whole or as events. `message_start` knows the input and a first guess of the output, which is left out; only
 * `message_delta` has the output, so that a stream which ends before it is not complete.
 */
export function readMessageParts(): AnswerParts {
  const soFar = new ReadingSoFar()
  const usage = new AnthropicUsage()
  const report = (raw: unknown, isComplete: (tokens: TokenCounts | undefined) => boolean) => {
    usage.merge(raw)
    soFar.bill(readMessageBilling(asObject(raw)))
    const tokens = usage.tokens()
    soFar.reportOthers(usage.others())
    soFar.report(tokens, isComplete(tokens), raw)
    return tokens
  }
  const whole = (data: JsonObject) => {
    if (data['type'] === 'error' || (data['error'] !== undefined && data['error'] !== null)) soFar.fail()
    soFar.isBy(data['model'])
    soFar.keeps(containerOf(data))
    const tokens = report(data['usage'], hasBoth)
    if (tokens?.output?.total === undefined) soFar.produce(textOf(data['content']))
  }
  const start = (message: JsonObject | undefined) => {
    soFar.isBy(message?.['model'])
    const { output_tokens: _, ...report } = asObject(message?.['usage']) ?? {}
    usage.merge(report)
    soFar.bill(readMessageBilling(report))
    const tokens = usage.tokens()
    if (tokens?.input?.total !== undefined) soFar.report(tokens, false, message?.['usage'])
  }
  const event = (data: JsonObject) => {
    switch (data['type']) {
      case 'message_start':
        return start(asObject(data['message']))
      case 'content_block_start':
        return soFar.produce(textOf(data['content_block']))
      case 'content_block_delta':
        return soFar.produce(textOf(data['delta']))
      case 'message_delta':
        soFar.keeps(containerOf(asObject(data['delta'])))
        return void report(data['usage'], hasOutput)
      case 'error':
        return soFar.fail()
      default:
    }
  }
  return { event, whole, reading: () => soFar.reading() }
}

function hasOutput(tokens: TokenCounts | undefined): boolean {
  return tokens?.output?.total !== undefined
}

function hasBoth(tokens: TokenCounts | undefined): boolean {
  return hasOutput(tokens) && tokens?.input?.total !== undefined
}

/** What the usage object says of the price. */
function readMessageBilling(usage: JsonObject | undefined): Billing {
  const tier = messageTier(usage?.['speed'], usage?.['inference_geo'])
  const named = toServiceTier(usage?.['service_tier'])
  if (tier === undefined) return named === undefined ? {} : { tier: named }
  return { tier: named === 'batch' && tier === 'regional' ? 'batch_regional' : tier }
}

/** Where its code ran: a later request may go on there. */
function containerOf(message: JsonObject | undefined): readonly string[] {
  const id = stringIn(asObject(message?.['container']) ?? {}, 'id')
  return id === '' ? [] : [id]
}

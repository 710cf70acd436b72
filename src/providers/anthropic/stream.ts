import { type AnswerParts, asObject, ReadingSoFar, textOf } from '../answer.ts'
import { readBilling } from '../billing.ts'
import type { JsonObject } from '../provider.ts'
import { AnthropicUsage } from './usage.ts'

/**
 * A message, whole or as events. `message_start` knows the input and a first guess of the output; only `message_delta` has the
 * output, so that a stream which ends before it is not complete.
 */
export function readMessageParts(): AnswerParts {
  const soFar = new ReadingSoFar()
  const usage = new AnthropicUsage()
  const whole = (data: JsonObject) => {
    if (data['type'] === 'error' || (data['error'] !== undefined && data['error'] !== null)) soFar.fail()
    usage.merge(data['usage'])
    soFar.bill(readBilling(undefined, asObject(data['usage'])?.['service_tier']))
    const tokens = usage.tokens()
    soFar.report(tokens, tokens?.output?.total !== undefined && tokens.input?.total !== undefined, data['usage'])
    if (tokens?.output?.total === undefined) soFar.produce(textOf(data['content']))
  }
  const start = (message: JsonObject | undefined) => {
    usage.merge(message?.['usage'])
    soFar.bill(readBilling(undefined, asObject(message?.['usage'])?.['service_tier']))
    const { output: _, ...input } = usage.tokens() ?? {}
    if (input.input?.total !== undefined) soFar.report(input, false, message?.['usage'])
  }
  const event = (data: JsonObject) => {
    switch (data['type']) {
      case 'message_start':
        return start(asObject(data['message']))
      case 'content_block_start':
        return soFar.produce(textOf(data['content_block']))
      case 'content_block_delta':
        return soFar.produce(textOf(data['delta']))
      case 'message_delta': {
        usage.merge(data['usage'])
        const tokens = usage.tokens()
        return soFar.report(tokens, tokens?.output?.total !== undefined, data['usage'])
      }
      case 'error':
        return soFar.fail()
      default:
    }
  }
  return { event, whole, reading: () => soFar.reading() }
}

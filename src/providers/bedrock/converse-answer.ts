import { asObject, ReadingSoFar } from '../answer.ts'
import { readBilling } from '../billing.ts'
import type { JsonObject } from '../provider.ts'
import type { BedrockParts } from './event-stream-answer.ts'
import { textIn } from './text.ts'
import { readConverseUsage } from './usage.ts'

/**
 * An answer of Converse, or the events of ConverseStream, of which `metadata`, the last, has the usage
 * (https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html).
 */
export function readConverseParts(): BedrockParts {
  const soFar = new ReadingSoFar()
  let isNotUnderstood = false
  const report = (data: JsonObject) => {
    const usage = readConverseUsage(data['usage'])
    isNotUnderstood = usage === undefined && asObject(data['usage']) !== undefined
    soFar.bill(readBilling(undefined, asObject(data['serviceTier'])?.['type']))
    const isComplete = usage?.input?.total !== undefined && usage.output?.total !== undefined
    soFar.report(usage, isComplete, usage === undefined ? undefined : data['usage'])
  }
  return {
    event: (name, data) => {
      if (name === 'metadata') report(data)
      else if (name === 'contentBlockStart' || name === 'contentBlockDelta') soFar.produce(textIn(data))
    },
    fail: () => soFar.fail(),
    whole: (data) => {
      report(data)
      if (soFar.reported?.output?.total === undefined) soFar.produce(textIn(data['output']))
    },
    reading: () => ({
      ...soFar.reading(),
      ...(isNotUnderstood && soFar.reported === undefined ? { isNotUnderstood } : {}),
    }),
  }
}

import { toCount } from '../../domain/usage/usage.ts'
import { type AnswerParts, ReadingSoFar, textOf } from '../answer.ts'
import type { JsonObject } from '../provider.ts'
import { tokenCounts } from '../../domain/usage/token-counts.ts'

/** Chat and generate: the last object has the counts; that of the prompt is left out where it came from the cache. */
export function readGenerateParts(): AnswerParts {
  const soFar = new ReadingSoFar()
  const read = (data: JsonObject): boolean => {
    if (typeof data['error'] === 'string') soFar.fail()
    const input = toCount(data['prompt_eval_count'])
    const output = toCount(data['eval_count'])
    const isComplete = input !== undefined && output !== undefined
    if (input === undefined && output === undefined) return false
    const { prompt_eval_count, eval_count } = data
    soFar.report(tokenCounts({ input, output }), isComplete, { prompt_eval_count, eval_count })
    return isComplete
  }
  const produce = (data: JsonObject) => soFar.produce(textOf(data['message']) + textOf(data['response']) + textOf(data['thinking']))
  return {
    event: (data) => {
      read(data)
      produce(data)
    },
    whole: (data) => {
      if (!read(data)) produce(data)
    },
    reading: () => soFar.reading(),
  }
}

export function readEmbedParts(): AnswerParts {
  const soFar = new ReadingSoFar()
  const read = (data: JsonObject) => {
    if (typeof data['error'] === 'string') soFar.fail()
    const input = toCount(data['prompt_eval_count'])
    soFar.report(input === undefined ? undefined : { input: { total: input } }, true)
  }
  return { event: read, whole: read, reading: () => soFar.reading() }
}

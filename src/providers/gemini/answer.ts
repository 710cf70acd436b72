import { type AnswerParts, asList, asObject, asObjects, ReadingSoFar, jsonText } from '../answer.ts'
import { readBilling } from '../billing.ts'
import type { JsonObject } from '../provider.ts'
import { toCount } from '../../domain/usage/usage.ts'
import { isEmptyUsage, isWithoutOutput, readGeminiUsage } from './usage.ts'

/** generateContent, whole or in chunks: of several reports the last counts, since they begin anew after a tool (a prompt of 169 fell to 79). */
export function readGenerateParts(): AnswerParts {
  const soFar = new ReadingSoFar()
  const read = (data: JsonObject): boolean => {
    if (asObject(data['error']) !== undefined) soFar.fail()
    const reported = data['usageMetadata']
    const usage = readGeminiUsage(reported)
    const isComplete = usage?.input?.total !== undefined && (usage.output?.total !== undefined || isWithoutOutput(reported))
    if (usage !== undefined || !isEmptyUsage(reported)) soFar.reportAnew(usage, isComplete, reported)
    const { serviceTier, trafficType } = asObject(reported) ?? {}
    soFar.bill(readBilling(undefined, serviceTier ?? trafficType))
    return isComplete
  }
  const produce = (data: JsonObject) => {
    for (const candidate of asObjects(data['candidates'])) soFar.produce(textOfParts(asObject(candidate['content'])))
  }
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

/** embedContent and batchEmbedContents: what they embedded, where they say it. */
export function readEmbedParts(): AnswerParts {
  const soFar = new ReadingSoFar()
  const read = (data: JsonObject) => {
    if (asObject(data['error']) !== undefined) soFar.fail()
    const usage = readGeminiUsage(data['usageMetadata'])
    soFar.report(usage?.input?.total === undefined ? undefined : { input: usage.input }, true, data['usageMetadata'])
  }
  return { event: read, whole: read, reading: () => soFar.reading() }
}

/** Vertex `predict` for embeddings: each prediction has its own count (https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/text-embeddings-api). */
export function readPredictParts(): AnswerParts {
  const soFar = new ReadingSoFar()
  const read = (data: JsonObject) => {
    if (asObject(data['error']) !== undefined) soFar.fail()
    const counts = asList(data['predictions']).map((prediction) => {
      const embeddings = asObject(asObject(prediction)?.['embeddings'])
      return toCount(asObject(embeddings?.['statistics'])?.['token_count'])
    })
    const input = counts.reduce((sum: number, count) => sum + (count ?? 0), 0)
    soFar.report(counts.length > 0 && counts.every((count) => count !== undefined) ? { input: { total: input } } : undefined, true)
  }
  return { event: read, whole: read, reading: () => soFar.reading() }
}

function textOfParts(content: JsonObject | undefined): string {
  return asObjects(content?.['parts'])
    .map((part) => {
      const code = asObject(part['executableCode'])?.['code']
      const call = part['functionCall']
      return [part['text'], code, call === undefined ? undefined : jsonText(call)].filter((text) => typeof text === 'string').join('')
    })
    .join('')
}

import { type TokenCounts, toCount } from '../../domain/usage/usage.ts'
import { asObject, asObjects } from '../answer.ts'
import { tokenCounts } from '../../domain/usage/token-counts.ts'

/**
 * The usageMetadata of Gemini and Vertex (https://ai.google.dev/api/generate-content#UsageMetadata). Prompts of tools stand
 * outside of the prompt's count, thoughts outside of the candidates'; a count of zero is left out.
 * @returns undefined where it says nothing that is understood
 */
export function readGeminiUsage(value: unknown): TokenCounts | undefined {
  const usage = asObject(value)
  if (usage === undefined) return undefined
  const prompt = toCount(usage['promptTokenCount'])
  const total = toCount(usage['totalTokenCount'])
  if (prompt === undefined && total === undefined) return undefined
  const tools = toCount(usage['toolUsePromptTokenCount']) ?? 0
  const thoughts = toCount(usage['thoughtsTokenCount'])
  const candidates = toCount(usage['candidatesTokenCount'])
  const output = candidates === undefined && thoughts === undefined ? undefined : (candidates ?? 0) + (thoughts ?? 0)
  return tokenCounts({
    input: prompt === undefined ? undefined : prompt + tools,
    output,
    cachedInput: toCount(usage['cachedContentTokenCount']),
    reasoning: thoughts,
    audioInput: countOf('AUDIO', usage['promptTokensDetails']),
    cachedAudioInput: countOf('AUDIO', usage['cacheTokensDetails']),
    audioOutput: countOf('AUDIO', usage['candidatesTokensDetails']),
    imageOutput: countOf('IMAGE', usage['candidatesTokensDetails']),
  })
}

/** True where the report says by its total that nothing was produced, though it leaves the count of zero out. */
export function isWithoutOutput(value: unknown): boolean {
  const usage = asObject(value)
  const prompt = toCount(usage?.['promptTokenCount'])
  return prompt !== undefined && toCount(usage?.['totalTokenCount']) === prompt + (toCount(usage?.['toolUsePromptTokenCount']) ?? 0)
}

/** Vertex sends the kind of traffic alone until the last chunk. */
export function isEmptyUsage(value: unknown): boolean {
  return Object.keys(asObject(value) ?? {}).every((name) => name === 'trafficType')
}

function countOf(wanted: string, details: unknown): number | undefined {
  return toCount(asObjects(details).find(({ modality }) => modality === wanted)?.['tokenCount'])
}

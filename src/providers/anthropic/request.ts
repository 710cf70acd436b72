import { jsonMembers, spliceBytes } from '../json-members.ts'
import type { MemberPath } from '../member-path.ts'
import { lowerMaxima, MAXIMA_OF_SERVERS, outputMaxIn } from '../output-maxima.ts'
import type { JsonObject, OutgoingBody, PathValues, RequestChanges, RequestFacts } from '../provider.ts'
import { parseBody, setMember } from '../request-body.ts'
import { countIn, flagIn, objectIn, textIn } from '../request-fields.ts'
import { otherModelsIn } from '../named-models.ts'
import { boundMessagesInput } from './input-bound.ts'
import { messageTier } from './tier.ts'

export function readMessagesRequest(body: Buffer, path?: PathValues): { readonly facts: RequestFacts; readonly json: JsonObject } {
  const { json, model } = parseBody(body, path)
  const thinking = objectIn(json, 'thinking') ?? {}
  const thinkingBudget = textIn(thinking, 'type') === 'enabled' ? (countIn(thinking, 'budget_tokens') ?? 0) : 0
  return {
    json,
    facts: {
      model,
      isStream: flagIn(json, 'stream') === true,
      ...boundMessagesInput(body, json, model),
      ...outputMaxIn(json, { own: MAXIMA, others: MAXIMA_OF_SERVERS, hasEndless: !isClaude(model) }),
      // The maximum must be above what the model may think.
      outputMin: thinkingBudget + 1,
      canClamp: true,
      choices: 1,
      ...otherModelsIn(json, model),
      tier: messageTier(textIn(json, 'speed'), textIn(json, 'inference_geo')),
    },
  }
}

const MAXIMA: readonly MemberPath[] = [['max_tokens']]

/** Servers that imitate the API (llama.cpp, Ollama) have other models, and maxima without an end. */
function isClaude(model: string): boolean {
  return model.includes('claude')
}

export function prepareMessages(body: Buffer, _facts: RequestFacts, { model, outputMax }: RequestChanges): OutgoingBody {
  if (model === undefined && outputMax === undefined) return { body, hidesUsageChunk: false }
  const members = jsonMembers(body)
  const splices = [
    ...(model === undefined ? [] : [setMember(body, members, 'model', JSON.stringify(model))]),
    ...(outputMax === undefined ? [] : lowerMaxima(body, members, { own: MAXIMA, others: MAXIMA_OF_SERVERS, max: outputMax })),
  ]
  return { body: spliceBytes(body, splices), hidesUsageChunk: false }
}

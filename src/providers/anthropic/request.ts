import { asObject, textOf } from '../answer.ts'
import { jsonMembers, spliceBytes } from '../json-members.ts'
import type { JsonObject, OutgoingBody, PathValues, RequestChanges, RequestFacts } from '../provider.ts'
import { countIn, parseBody, setMember } from '../request-body.ts'
import { countTokens } from '../tokenizer.ts'
import { boundMessagesInput } from './input-bound.ts'

export function readMessagesRequest(body: Buffer, path?: PathValues): { readonly facts: RequestFacts; readonly json: JsonObject } {
  const { json, model } = parseBody(body, path)
  const outputMax = countIn(json, 'max_tokens')
  const thinking = asObject(json['thinking'])
  const thinkingBudget = thinking?.['type'] === 'enabled' ? (countIn(thinking, 'budget_tokens') ?? 0) : 0
  return {
    json,
    facts: {
      model,
      isStream: json['stream'] === true,
      ...boundMessagesInput(body, json, model),
      outputMax,
      // The maximum must be above what the model may think.
      outputMin: thinkingBudget + 1,
      canClamp: true,
      choices: 1,
    },
  }
}

export function prepareMessages(body: Buffer, _json: JsonObject, { model, outputMax }: RequestChanges): OutgoingBody {
  const wanted = { ...(model === undefined ? {} : { model }), ...(outputMax === undefined ? {} : { max_tokens: outputMax }) }
  const changes = Object.entries(wanted)
  if (changes.length === 0) return { body, hidesUsageChunk: false }
  const members = jsonMembers(body)
  const splices = changes.map(([name, value]) => setMember(body, members, name, JSON.stringify(value)))
  return { body: spliceBytes(body, splices), hidesUsageChunk: false }
}

/** Claude's own tokenizer is not published: OpenAI's count stands in, in what is marked as an estimate anyway. */
export function estimateMessagesInput(json: JsonObject): number {
  return countTokens(textOf(json))
}

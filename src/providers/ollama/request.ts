import { asObject, textOf } from '../answer.ts'
import { jsonMembers, type Splice, spliceBytes } from '../json-members.ts'
import { setAt } from '../member-path.ts'
import { InvalidRequest, type JsonObject, type OutgoingBody, type RequestChanges, type RequestFacts } from '../provider.ts'
import { parseBody, setMember } from '../request-body.ts'
import { countTokens } from '../tokenizer.ts'
import { boundInput } from './input-bound.ts'

interface Read {
  readonly facts: RequestFacts
  readonly json: JsonObject
}

/** Chat and generate stream unless told not to. @throws InvalidRequest */
export function readGenerateRequest(body: Buffer): Read {
  const { json, model } = parseBody(body)
  const outputMax = maximumIn(json)
  return {
    json,
    facts: {
      model,
      isStream: json['stream'] !== false,
      ...boundInput(json, body.length),
      outputMax,
      outputMin: 1,
      canClamp: true,
      choices: 1,
    },
  }
}

/** @throws InvalidRequest */
export function readEmbedRequest(body: Buffer): Read {
  const { json, model } = parseBody(body)
  return {
    json,
    facts: { model, isStream: false, ...boundInput(json, body.length), outputMax: 0, outputMin: 0, canClamp: false, choices: 1 },
  }
}

export function prepare(body: Buffer, _json: JsonObject, { model, outputMax }: RequestChanges): OutgoingBody {
  if (model === undefined && outputMax === undefined) return { body, hidesUsageChunk: false }
  const members = jsonMembers(body)
  const splices: Splice[] = []
  if (model !== undefined) splices.push(setMember(body, members, 'model', JSON.stringify(model)))
  if (outputMax !== undefined) splices.push(setAt(body, members, ['options', 'num_predict'], String(outputMax)))
  return { body: spliceBytes(body, splices), hidesUsageChunk: false }
}

export function estimateInput(json: JsonObject): number {
  return countTokens(['system', 'prompt', 'messages', 'tools', 'input'].map((name) => textOf(json[name])).join(' '))
}

/** Below zero it has no end (https://docs.ollama.com/modelfile#valid-parameters-and-values). */
function maximumIn(json: JsonObject): number | undefined {
  const value = asObject(json['options'])?.['num_predict']
  if (value === undefined || value === null) return undefined
  if (typeof value !== 'number' || !Number.isSafeInteger(value)) throw new InvalidRequest('"options.num_predict" must be a whole number')
  return value < 0 ? undefined : value
}

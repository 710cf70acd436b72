import { jsonMembers, type Splice, spliceBytes } from '../json-members.ts'
import type { MemberPath } from '../member-path.ts'
import type { JsonObject, OutgoingBody, RequestChanges, RequestFacts } from '../provider.ts'
import { lowerMaxima, MAXIMA_OF_SERVERS, outputMaxIn } from '../output-maxima.ts'
import { parseBody, setMember } from '../request-body.ts'
import { flagIn } from '../request-fields.ts'
import { boundInput } from './input-bound.ts'

interface Read {
  readonly facts: RequestFacts
  readonly json: JsonObject
}

/** Chat and generate stream unless told not to. @throws InvalidRequest */
export function readGenerateRequest(body: Buffer): Read {
  const { json, model } = parseBody(body)
  return {
    json,
    facts: {
      model,
      isStream: flagIn(json, 'stream') !== false,
      ...boundInput(json, body.length),
      ...outputMaxIn(json, { own: MAXIMA, others: MAXIMA_OF_SERVERS, hasEndless: true }),
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

export function prepare(body: Buffer, _facts: RequestFacts, { model, outputMax }: RequestChanges): OutgoingBody {
  if (model === undefined && outputMax === undefined) return { body, hidesUsageChunk: false }
  const members = jsonMembers(body)
  const splices: Splice[] = []
  if (model !== undefined) splices.push(setMember(body, members, 'model', JSON.stringify(model)))
  if (outputMax !== undefined) splices.push(...lowerMaxima(body, members, { own: MAXIMA, others: MAXIMA_OF_SERVERS, max: outputMax }))
  return { body: spliceBytes(body, splices), hidesUsageChunk: false }
}

/** Only above zero there is an end (https://docs.ollama.com/modelfile#valid-parameters-and-values). */
const MAXIMA: readonly MemberPath[] = [['options', 'num_predict']]

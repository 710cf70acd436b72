import { jsonMembers, type Splice, spliceBytes } from '../json-members.ts'
import type { MemberPath } from '../member-path.ts'
import type { JsonObject, OutgoingBody, RequestChanges, RequestFacts } from '../provider.ts'
import { lowerMaxima, outputMaxIn } from '../output-maxima.ts'
import { parseBody, setMember } from '../request-body.ts'
import { choicesIn, flagIn } from '../request-fields.ts'
import { boundChatInput, boundInput } from './input-bound.ts'

interface Read {
  readonly facts: RequestFacts
  readonly json: JsonObject
}

/** @throws InvalidRequest */
export function readChatRequest(body: Buffer): Read {
  const { json, model } = parseBody(body)
  return {
    json,
    facts: {
      model,
      isStream: flagIn(json, 'stream') === true,
      ...boundChatInput(json, model, body.length),
      ...outputMaxIn(json, { own: MAXIMA, hasEndless: true }),
      outputMin: 1,
      canClamp: true,
      choices: choicesIn(json, ['num_generations']),
    },
  }
}

/** Embed and rerank: an input, and no output. @throws InvalidRequest */
export function readInputRequest(body: Buffer): Read {
  const { json, model } = parseBody(body)
  const input = boundInput(json, model, body.length)
  return { json, facts: { model, isStream: false, ...input, outputMax: 0, outputMin: 0, canClamp: false, choices: 1 } }
}

const MAXIMA: readonly MemberPath[] = [['max_tokens']]

export function prepare(body: Buffer, _facts: RequestFacts, { model, outputMax }: RequestChanges): OutgoingBody {
  if (model === undefined && outputMax === undefined) return { body, hidesUsageChunk: false }
  const members = jsonMembers(body)
  const splices: Splice[] = []
  if (model !== undefined) splices.push(setMember(body, members, 'model', JSON.stringify(model)))
  if (outputMax !== undefined) splices.push(...lowerMaxima(body, members, { own: MAXIMA, max: outputMax }))
  return { body: spliceBytes(body, splices), hidesUsageChunk: false }
}

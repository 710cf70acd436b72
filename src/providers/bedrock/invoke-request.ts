import { jsonMembers, spliceBytes } from '../json-members.ts'
import type { JsonObject, OutgoingBody, PathValues, RequestChanges, RequestFacts } from '../provider.ts'
import { ALL_MAXIMA, type Family, familyOf } from './family.ts'
import { boundInvokeInput } from './input-bound.ts'
import { lowerMaxima, outputMaxIn } from '../output-maxima.ts'
import { choicesIn } from '../request-fields.ts'
import { leastOutput, parseBedrockRequest, type ReadRequest, refusesMaximum } from './request.ts'

/**
 * A request of InvokeModel: the model's own format. Of a family that is not known every maximum is read, and none changed.
 * @throws InvalidRequest
 */
export function readInvokeRequest(isStream: boolean): (body: Buffer, path: PathValues) => ReadRequest {
  return (body, path) => {
    const { model, json } = parseBedrockRequest(body, path)
    const known = familyOf(model, json)
    return {
      json,
      facts: { model, isStream, ...boundInvokeInput(body, json, model), ...outputOf(json, known), choices: choicesIn(json, CHOICES) },
    }
  }
}

function outputOf(json: JsonObject, known: Family | undefined): Pick<RequestFacts, 'outputMax' | 'isEndless' | 'outputMin' | 'canClamp'> {
  const maxima = known?.maxima ?? ALL_MAXIMA
  if (maxima.length === 0) return { outputMax: 0, outputMin: 0, canClamp: false }
  return {
    ...outputMaxIn(json, { own: maxima, hasEndless: false }),
    outputMin: leastOutput(json),
    canClamp: known !== undefined && !refusesMaximum(json),
  }
}

/** OpenAI's name, Cohere's and AI21's. */
const CHOICES = ['n', 'num_generations', 'numResults'] as const

/** Lowers the maxima that the request already has, else sets its family's first. */
export function prepareInvoke(body: Buffer, _facts: RequestFacts, { outputMax }: RequestChanges, { model = '' }: PathValues): OutgoingBody {
  if (outputMax === undefined) return { body, hidesUsageChunk: false }
  const members = jsonMembers(body)
  const own = familyOf(model, Object.fromEntries(members.map(({ name }) => [name, true])))?.maxima ?? []
  return { body: spliceBytes(body, lowerMaxima(body, members, { own, max: outputMax })), hidesUsageChunk: false }
}

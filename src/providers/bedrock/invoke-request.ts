import { jsonMembers, spliceBytes } from '../json-members.ts'
import type { JsonObject, OutgoingBody, PathValues, RequestChanges, RequestFacts } from '../provider.ts'
import { countIn } from '../request-body.ts'
import { ALL_MAXIMA, type Family, familyOf } from './family.ts'
import { boundInvokeInput } from './input-bound.ts'
import { countAt, setAt, type MemberPath } from '../member-path.ts'
import { leastOutput, parseBedrockRequest, type ReadRequest, refusesMaximum } from './request.ts'

/**
 * A request of InvokeModel: the model's own format. Of a family that is not known every maximum is read, and none changed.
 * @throws InvalidRequest
 */
export function readInvokeRequest(isStream: boolean): (body: Buffer, path: PathValues) => ReadRequest {
  return (body, path) => {
    const { model, json } = parseBedrockRequest(body, path)
    const known = familyOf(model, json)
    return { json, facts: { model, isStream, ...boundInvokeInput(body, json, model), ...outputOf(json, known), choices: choicesOf(json) } }
  }
}

function outputOf(json: JsonObject, known: Family | undefined): Pick<RequestFacts, 'outputMax' | 'outputMin' | 'canClamp'> {
  const maxima = known?.maxima ?? ALL_MAXIMA
  if (maxima.length === 0) return { outputMax: 0, outputMin: 0, canClamp: false }
  const counts = present(json, maxima).map(({ count }) => count)
  return {
    ...(counts.length === 0 ? {} : { outputMax: Math.max(...counts) }),
    outputMin: leastOutput(json),
    canClamp: known !== undefined && !refusesMaximum(json),
  }
}

function present(json: JsonObject, maxima: readonly MemberPath[]): readonly { readonly place: MemberPath; readonly count: number }[] {
  return maxima.flatMap((place) => {
    const count = countAt(json, place)
    return count === undefined ? [] : [{ place, count }]
  })
}

/** OpenAI's name, Cohere's and AI21's. */
function choicesOf(json: JsonObject): number {
  const counts = ['n', 'num_generations', 'numResults'].map((name) => countIn(json, name))
  return Math.max(1, ...counts.filter((count) => count !== undefined))
}

/** Sets the maximum in the members that the request already has, else in its family's first. */
export function prepareInvoke(body: Buffer, json: JsonObject, { outputMax }: RequestChanges, { model = '' }: PathValues): OutgoingBody {
  const maxima = familyOf(model, json)?.maxima ?? []
  if (outputMax === undefined) return { body, hidesUsageChunk: false }
  const written = present(json, maxima).map(({ place }) => place)
  const members = jsonMembers(body)
  const places = written.length > 0 ? written : maxima.slice(0, 1)
  return { body: spliceBytes(body, places.map((place) => setAt(body, members, place, String(outputMax)))), hidesUsageChunk: false } // prettier-ignore
}

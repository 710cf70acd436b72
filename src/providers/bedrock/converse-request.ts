import { jsonMembers, spliceBytes } from '../json-members.ts'
import { toServiceTier } from '../billing.ts'
import type { OutgoingBody, PathValues, RequestChanges, RequestFacts } from '../provider.ts'
import { ALL_MAXIMA } from './family.ts'
import { boundConverseInput } from './input-bound.ts'
import { countAt, setAt, type MemberPath } from '../member-path.ts'
import { objectIn, textIn } from '../request-fields.ts'
import { leastOutput, parseBedrockRequest, type ReadRequest, refusesMaximum } from './request.ts'

const MAXIMUM: MemberPath = ['inferenceConfig', 'maxTokens']

/**
 * A request of Converse (https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html).
 * @throws InvalidRequest
 */
export function readConverseRequest(isStream: boolean): (body: Buffer, path: PathValues) => ReadRequest {
  return (body, path) => {
    const { model, json } = parseBedrockRequest(body, path)
    const outputMax = countAt(json, MAXIMUM)
    const own = objectIn(json, 'additionalModelRequestFields') ?? {}
    // A maximum in the model's own format would stand beside the one that is clamped: which of them counts is not documented.
    const ownMaxima = ALL_MAXIMA.map((place) => countAt(own, place)).filter((max) => max !== undefined)
    return {
      json,
      facts: {
        model,
        isStream,
        ...boundConverseInput(body, json, model),
        ...(outputMax === undefined ? {} : { outputMax: Math.max(outputMax, ...ownMaxima) }),
        outputMin: leastOutput(own),
        canClamp: ownMaxima.length === 0 && !refusesMaximum(own),
        choices: 1,
        tier: toServiceTier(textIn(objectIn(json, 'serviceTier') ?? {}, 'type')),
      },
    }
  }
}

/** The model stands in the path: only the maximum may have to be changed. */
export function prepareConverse(body: Buffer, _facts: RequestFacts, { outputMax }: RequestChanges): OutgoingBody {
  if (outputMax === undefined) return { body, hidesUsageChunk: false }
  return { body: spliceBytes(body, [setAt(body, jsonMembers(body), MAXIMUM, String(outputMax))]), hidesUsageChunk: false }
}

import { toServiceTier } from '../billing.ts'
import { jsonMembers, spliceBytes } from '../json-members.ts'
import { countAt, literalAt, type MemberPath } from '../member-path.ts'
import { lowerMaxima, outputMaxIn } from '../output-maxima.ts'
import { InvalidRequest, type JsonObject, type OutgoingBody, type PathValues, type RequestChanges, type RequestFacts } from '../provider.ts'
import { boundEmbedInput, boundGenerateInput } from './input-bound.ts'
import { parseObjectBody, toModel } from '../request-body.ts'
import { listIn, textIn } from '../request-fields.ts'

interface Read {
  readonly facts: RequestFacts
  readonly json: JsonObject
}

/** The API takes the names of its messages in both spellings (https://protobuf.dev/programming-guides/json/). */
const CONFIGS = ['generationConfig', 'generation_config'] as const
const MAXIMA = ['maxOutputTokens', 'max_output_tokens'] as const
const CHOICES = ['candidateCount', 'candidate_count'] as const

/** @throws InvalidRequest */
export function readGenerateRequest(isStream: boolean): (body: Buffer, path: PathValues) => Read {
  return (body, path) => {
    const { json, model } = parse(body, path)
    const config = configIn(json)
    const choices = CHOICES.map((name) => countAt(json, [config, name]) ?? 1)
    return {
      json,
      facts: {
        model,
        isStream,
        ...boundGenerateInput(json, model, body.length),
        // The API's numbers have no presence of their own: 0 is as good as none.
        ...outputMaxIn(json, { own: MAXIMA.map((name) => [config, name]), hasEndless: true }),
        outputMin: 1,
        canClamp: true,
        choices: Math.max(1, ...choices),
        tier: toServiceTier(textIn(json, 'serviceTier') ?? textIn(json, 'service_tier')),
      },
    }
  }
}

/** @throws InvalidRequest */
export function readEmbedRequest(body: Buffer, path: PathValues): Read {
  const { json, model } = parse(body, path)
  const input = boundEmbedInput(json, model, body.length)
  const facts = { model, isStream: false, ...input, outputMax: 0, outputMin: 0, canClamp: false, choices: 1 }
  return { json, facts }
}

/** The model stands in the path: only the maximum may have to be changed. */
export function prepareGenerate(body: Buffer, _facts: RequestFacts, { outputMax }: RequestChanges): OutgoingBody {
  if (outputMax === undefined) return { body, hidesUsageChunk: false }
  const members = jsonMembers(body)
  const config = CONFIGS.find((name) => literalAt(body, members, [name]) !== undefined) ?? CONFIGS[0]
  const own = MAXIMA.map((name): MemberPath => [config, name])
  const splices = lowerMaxima(body, members, { own, max: outputMax })
  return { body: spliceBytes(body, splices), hidesUsageChunk: false }
}

export function prepareEmbed(body: Buffer): OutgoingBody {
  return { body, hidesUsageChunk: false }
}

function parse(body: Buffer, { model = '' }: PathValues): { readonly json: JsonObject; readonly model: string } {
  return { model: toModel(model, 'the model in the path'), json: parseObjectBody(body) }
}

/** @throws InvalidRequest where both spellings stand there: then it is not documented which of them counts */
function configIn(json: JsonObject): (typeof CONFIGS)[number] {
  const present = CONFIGS.filter((name) => json[name] !== undefined)
  if (present.length > 1) throw new InvalidRequest('the request has both "generationConfig" and "generation_config": send one')
  return present[0] ?? 'generationConfig'
}

/** @throws InvalidRequest where the instances of a prediction are no list */
export function readPredictRequest(body: Buffer, path: PathValues): Read {
  const { facts, json } = readEmbedRequest(body, path)
  if (listIn(json, 'instances').length === 0) throw new InvalidRequest('"instances" must be a list of at least one')
  return { facts, json }
}

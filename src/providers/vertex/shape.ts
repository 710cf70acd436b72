import { messages } from '../anthropic/shape.ts'
import { anthropicOutputMax } from '../anthropic/output-max.ts'
import { bodyModel } from '../body-model.ts'
import type { ApiShape, Endpoint } from '../provider.ts'
import { GOOGLE_ANSWERS } from '../query-parameters.ts'
import { embed, generate, predict, streamGenerate } from '../gemini/admissions.ts'
import { geminiError } from '../gemini/errors.ts'
import { geminiOutputMax } from '../gemini/output-max.ts'
import { chat } from '../openai/shape.ts'
import { vertexAuthorizer } from './access-token.ts'

const PROJECT = '/projects/{project}/locations/{location}'

function post(name: string, tail: string, admission: Endpoint['admission'], places: readonly string[] = [PROJECT]): readonly Endpoint[] {
  return ['/v1', '/v1beta1'].flatMap((version) =>
    places.map((place) => {
      const path = `${version}${place}/${tail}`
      return { name, method: 'POST', path, upstreamPath: path, admission } as const
    }),
  )
}

/** Gemini's models, which the express mode calls without a project. */
function ofGoogle(name: string, action: string, admission: Endpoint['admission']): readonly Endpoint[] {
  return post(name, `publishers/{publisher}/models/{model}:${action}`, admission, [PROJECT, ''])
}

/**
 * Models of partners take the requests of their own makers
 * (https://cloud.google.com/vertex-ai/generative-ai/docs/partner-models/use-partner-models): Claude those of Anthropic, all
 * others those of OpenAI. The first path that matches counts, and `count-tokens` is not a model.
 */
const ofPartners: readonly Endpoint[] = [
  ...post('vertex.countTokens', 'publishers/anthropic/models/count-tokens:rawPredict', { kind: 'free', bodyModel: bodyModel('model') }),
  ...['rawPredict', 'streamRawPredict'].flatMap((action) => [
    ...post('vertex.messages', `publishers/anthropic/models/{model}:${action}`, messages),
    ...post('vertex.chat', `publishers/{publisher}/models/{model}:${action}`, chat),
  ]),
  ...post('vertex.chat', 'endpoints/openapi/chat/completions', chat),
]

/** Vertex AI (https://cloud.google.com/vertex-ai/generative-ai/docs/reference/rest): Gemini's bodies below a project's path. */
export const vertex: ApiShape = {
  api: 'vertex',
  endpoints: [
    ...ofPartners,
    ...ofGoogle('vertex.generateContent', 'generateContent', generate),
    ...ofGoogle('vertex.generateContent', 'streamGenerateContent', streamGenerate),
    ...ofGoogle('vertex.embed', 'embedContent', embed),
    ...ofGoogle('vertex.predict', 'predict', predict),
    ...ofGoogle('vertex.countTokens', 'countTokens', { kind: 'free' }),
  ],
  forwardHeaders: ['x-goog-api-client', 'x-goog-request-params', 'anthropic-*'],
  queryParameters: { key: 'key', counted: GOOGLE_ANSWERS, free: GOOGLE_ANSWERS },
  authorizer: vertexAuthorizer,
  errorBody: geminiError,
  // Partners' models report the usage of a stream unasked, and some refuse to be asked.
  asksForUsage: (_, path) => !path.includes(':streamRawPredict') && !path.includes(':rawPredict'),
  outputMaxOf: (model) => (model.includes('claude') ? anthropicOutputMax(model) : geminiOutputMax(model)),
}

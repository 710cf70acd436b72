import type { ApiShape, Endpoint } from '../provider.ts'
import { generate, predict, streamGenerate } from '../gemini/admissions.ts'
import { geminiError } from '../gemini/errors.ts'
import { geminiOutputMax } from '../gemini/output-max.ts'
import { vertexAuthorizer } from './access-token.ts'

const PLACES = ['/projects/{project}/locations/{location}', ''] as const

function post(name: string, action: string, admission: Endpoint['admission']): readonly Endpoint[] {
  return ['/v1', '/v1beta1'].flatMap((version) =>
    PLACES.map((place) => {
      const path = `${version}${place}/publishers/{publisher}/models/{model}:${action}`
      return { name, method: 'POST', path, upstreamPath: path, admission } as const
    }),
  )
}

/** Vertex AI (https://cloud.google.com/vertex-ai/generative-ai/docs/reference/rest): Gemini's bodies below a project's path. */
export const vertex: ApiShape = {
  api: 'vertex',
  endpoints: [
    ...post('vertex.generateContent', 'generateContent', generate),
    ...post('vertex.generateContent', 'streamGenerateContent', streamGenerate),
    ...post('vertex.predict', 'predict', predict),
    ...post('vertex.countTokens', 'countTokens', { kind: 'free' }),
  ],
  authorizer: vertexAuthorizer,
  errorBody: geminiError,
  outputMaxOf: geminiOutputMax,
}

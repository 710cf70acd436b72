import { keyHeader } from '../key-header.ts'
import type { ApiShape, Endpoint } from '../provider.ts'
import { anyOf, GOOGLE_ANSWERS } from '../query-parameters.ts'
import { embed, generate, streamGenerate } from './admissions.ts'
import { geminiError } from './errors.ts'
import { interactions } from './interactions.ts'
import { geminiOutputMax } from './output-max.ts'

/** Clients call the version that they were made for, or are told to. */
const VERSIONS = ['v1beta', 'v1', 'v1alpha'] as const

function post(name: string, action: string, admission: Endpoint['admission']): readonly Endpoint[] {
  return VERSIONS.map((version) => {
    const path = `/${version}/models/{model}:${action}`
    return { name, method: 'POST', path, upstreamPath: path, admission }
  })
}

function list(path: string): Endpoint {
  return { name: 'gemini.models', method: 'GET', path, upstreamPath: path, admission: { kind: 'free' } }
}

/** Google's Gemini API (https://ai.google.dev/api). The model is in the path; a `base_url` has no path. */
export const gemini: ApiShape = {
  api: 'gemini',
  endpoints: [
    ...post('gemini.generateContent', 'generateContent', generate),
    ...post('gemini.generateContent', 'streamGenerateContent', streamGenerate),
    ...post('gemini.embed', 'embedContent', embed),
    ...post('gemini.embed', 'batchEmbedContents', embed),
    {
      name: 'gemini.interactions',
      method: 'POST',
      path: '/v1beta/interactions',
      upstreamPath: '/v1beta/interactions',
      admission: interactions,
    },
    {
      name: 'gemini.interactions',
      method: 'GET',
      path: '/v1beta/interactions/{id}',
      upstreamPath: '/v1beta/interactions/{id}',
      admission: { kind: 'free' },
    },
    ...post('gemini.countTokens', 'countTokens', { kind: 'free' }),
    list('/v1beta/models'),
    list('/v1beta/models/{model}'),
  ],
  forwardHeaders: ['x-goog-api-client', 'x-goog-request-params'],
  queryParameters: { key: 'key', counted: GOOGLE_ANSWERS, free: { ...GOOGLE_ANSWERS, ...anyOf('pageSize', 'pageToken') } },
  authorizer: ({ apiKey }) => keyHeader('x-goog-api-key', apiKey),
  errorBody: geminiError,
  outputMaxOf: geminiOutputMax,
}

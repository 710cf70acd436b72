import { type AnswerParts, readWhole } from '../answer.ts'
import { createJsonAnswer } from '../json-answer.ts'
import { bodyModel } from '../body-model.ts'
import { keyHeader } from '../key-header.ts'
import type { ApiShape, Endpoint, Metered } from '../provider.ts'
import { NO_PARAMETERS } from '../query-parameters.ts'
import { readEmbedParts, readGenerateParts } from './answer.ts'
import { estimateRequest } from '../request-text.ts'
import { prepare, readEmbedRequest, readGenerateRequest } from './request.ts'

function metered(readRequest: Metered['readRequest'], parts: () => AnswerParts): Metered {
  return {
    kind: 'metered',
    readRequest,
    prepare,
    estimateInput: estimateRequest,
    readAnswer: (status, body) => readWhole(parts(), status, body),
    readStream: (_hides, headers) => createJsonAnswer(parts, headers),
    hasJsonStreams: true,
  }
}

function endpoint(method: 'GET' | 'POST', name: string, path: string, admission: Endpoint['admission']): Endpoint {
  return { name, method, path, upstreamPath: path, admission }
}

const generate = metered(readGenerateRequest, readGenerateParts)
const embed = metered(readEmbedRequest, readEmbedParts)

/** No answer is longer than its context, and the models that people run have no larger one. */
const OUTPUT_MAX = 131_072

/** Ollama's own API (https://docs.ollama.com/api). A `base_url` has no path. */
export const ollama: ApiShape = {
  api: 'ollama',
  endpoints: [
    endpoint('POST', 'ollama.native', '/api/chat', generate),
    endpoint('POST', 'ollama.native', '/api/generate', generate),
    endpoint('POST', 'ollama.embed', '/api/embed', embed),
    endpoint('POST', 'ollama.embed', '/api/embeddings', embed),
    endpoint('GET', 'ollama.models', '/api/tags', { kind: 'free' }),
    endpoint('GET', 'ollama.models', '/api/ps', { kind: 'free' }),
    endpoint('GET', 'ollama.version', '/api/version', { kind: 'free' }),
    endpoint('POST', 'ollama.models', '/api/show', { kind: 'free', bodyModel: bodyModel('model', 'name') }),
  ],
  forwardHeaders: ['accept'],
  queryParameters: { counted: NO_PARAMETERS, free: NO_PARAMETERS },
  authorizer: ({ apiKey }) => keyHeader('authorization', apiKey === '' ? '' : `Bearer ${apiKey}`),
  errorBody: ({ code, message, details }) => ({ error: message, code, ...details }),
  outputMaxOf: () => OUTPUT_MAX,
}

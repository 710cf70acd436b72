import { type AnswerParts, readWhole } from '../answer.ts'
import { createJsonAnswer } from '../json-answer.ts'
import { bodyModel } from '../body-model.ts'
import { keyHeader } from '../key-header.ts'
import { transcriptions } from '../openai/transcriptions.ts'
import type { ApiShape, Endpoint, Metered } from '../provider.ts'
import { NO_PARAMETERS } from '../query-parameters.ts'
import { readChatParts, readEmbedParts, readRerankParts } from './answer.ts'
import { estimateRequest } from '../request-text.ts'
import { prepare, readChatRequest, readInputRequest } from './request.ts'

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

const chat = metered(readChatRequest, readChatParts)
const embed = metered(readInputRequest, readEmbedParts)
const rerank = metered(readInputRequest, readRerankParts)

/** The largest answer of Cohere's models is 32k tokens (https://docs.cohere.com/docs/models); a newer one may give twice that. */
const OUTPUT_MAX = 65_536

/** Cohere's API in both versions (https://docs.cohere.com/reference/about). A `base_url` has no version. */
export const cohere: ApiShape = {
  api: 'cohere',
  endpoints: [
    endpoint('POST', 'cohere.chat', '/v1/chat', chat),
    endpoint('POST', 'cohere.chat', '/v2/chat', chat),
    endpoint('POST', 'cohere.chat', '/v1/generate', chat),
    endpoint('POST', 'cohere.embed', '/v1/embed', embed),
    endpoint('POST', 'cohere.embed', '/v2/embed', embed),
    endpoint('POST', 'cohere.rerank', '/v1/rerank', rerank),
    endpoint('POST', 'cohere.rerank', '/v2/rerank', rerank),
    endpoint('POST', 'cohere.transcriptions', '/v2/audio/transcriptions', transcriptions),
    endpoint('POST', 'cohere.tokenize', '/v1/tokenize', { kind: 'free', bodyModel: bodyModel('model') }),
  ],
  forwardHeaders: ['x-client-name', 'accept'],
  queryParameters: { counted: NO_PARAMETERS, free: NO_PARAMETERS },
  authorizer: ({ apiKey }) => keyHeader('authorization', apiKey === '' ? '' : `Bearer ${apiKey}`),
  errorBody: ({ code, message, details }) => ({ message, code, ...details }),
  outputMaxOf: () => OUTPUT_MAX,
}

import { type AnswerParts, createSseAnswer, readWhole } from '../answer.ts'
import { bodyModel } from '../body-model.ts'
import { openAiReferences, RESPONSE } from '../kept.ts'
import type { ApiShape, Endpoint, Free, Metered } from '../provider.ts'
import { parseObjectBody } from '../request-body.ts'
import { API_VERSION, OPENAI_LISTS } from '../query-parameters.ts'
import { backgroundJob } from '../background-job.ts'
import { keyHeader } from '../key-header.ts'
import { batchEndpoints } from './batches.ts'
import { countOutput } from './encoding.ts'
import { openAiError } from './errors.ts'
import { openAiOutputMax } from './output-max.ts'
import { showsAll } from './shows-all.ts'
import {
  prepareChat,
  prepareCompletion,
  prepareEmbeddings,
  prepareResponses,
  readChatRequest,
  readCompactRequest,
  readCompletionRequest,
  readEmbeddingsRequest,
  readRerankRequest,
  readResponsesRequest,
  refineInputBound,
} from './request.ts'
import { estimateRequest } from '../request-text.ts'
import { images } from './images.ts'
import { speech } from './speech.ts'
import { transcriptions } from './transcriptions.ts'
import { isUsageChunk, readChatParts, readEmbeddingsParts, readResponsesParts } from './stream.ts'

function metered(request: Pick<Metered, 'readRequest' | 'prepare'>, parts: () => AnswerParts): Metered {
  return {
    kind: 'metered',
    ...request,
    refineInputBound,
    estimateInput: estimateRequest,
    referencesIn: openAiReferences,
    readAnswer: (status, body) => readWhole(parts(), status, body),
    readStream: (hidesUsageChunk, _headers, isStoppable) =>
      createSseAnswer(parts(), hidesUsageChunk ? isUsageChunk : undefined, isStoppable),
  }
}

function post(name: string, path: string, admission: Endpoint['admission']): Endpoint {
  return { name, method: 'POST', path: `/v1${path}`, upstreamPath: path, admission }
}

function free(method: Endpoint['method'], name: string, path: string): Endpoint {
  return { name, method, path: `/v1${path}`, upstreamPath: path, admission: { kind: 'free' } }
}

/** What OpenAI's API and Azure's admit alike. */
export const chat: Metered = { ...metered({ readRequest: readChatRequest, prepare: prepareChat }, readChatParts), showsAll, countOutput }
export const completions = metered({ readRequest: readCompletionRequest, prepare: prepareCompletion }, readChatParts)
const foreground: Metered = {
  ...metered({ readRequest: readResponsesRequest, prepare: prepareResponses }, readResponsesParts),
  showsAll,
  countOutput,
  keepsAnswer: ({ store }) => store !== false,
}
export const embeddings = metered({ readRequest: readEmbeddingsRequest, prepare: prepareEmbeddings }, readEmbeddingsParts)
const rerank = metered({ readRequest: readRerankRequest, prepare: prepareEmbeddings }, readEmbeddingsParts)
/** The Responses API below a path of the provider's. */
export function responsesBelow(path: string): Metered {
  return { ...foreground, job: backgroundJob((id) => `${path}/responses/${id}`, foreground.readAnswer) }
}
const responses = responsesBelow('')
const { refineInputBound: _, ...unrefined } = responses
const compact: Metered = { ...unrefined, readRequest: readCompactRequest }

/** A response that is read again, by when it may have new items. */
export const storedResponse: Free = { kind: 'free', kept: RESPONSE }
const inputTokens: Free = {
  kind: 'free',
  bodyModel: bodyModel('model'),
  referencesIn: (body) => openAiReferences(parseObjectBody(body)),
}

/** What may stand in a batch. */
export const batchable: ReadonlyMap<string, Metered> = new Map([
  ['/v1/chat/completions', chat],
  ['/v1/completions', completions],
  ['/v1/responses', foreground],
  ['/v1/embeddings', embeddings],
  ['/v1/images/generations', images],
  ['/v1/images/edits', images],
])

/** Images and audio. */
export const media: readonly (readonly [name: string, path: string, admission: Endpoint['admission']])[] = [
  ['openai.images', '/images/generations', images],
  ['openai.images', '/images/edits', images],
  ['openai.transcriptions', '/audio/transcriptions', transcriptions],
  ['openai.transcriptions', '/audio/translations', transcriptions],
  ['openai.speech', '/audio/speech', speech],
]

/** The API of OpenAI, and of everything that imitates it. A `base_url` ends in `/v1`. */
export const openAi: ApiShape = {
  api: 'openai',
  endpoints: [
    post('openai.chat', '/chat/completions', chat),
    // Writer's path (https://dev.writer.com/api-reference/completion-api/chat-completion), which is Cohere's too.
    { ...post('openai.chat', '/chat', chat), isOnlyBelowProvider: true },
    post('openai.completions', '/completions', completions),
    post('openai.responses', '/responses', responses),
    post('openai.responses', '/responses/compact', compact),
    post('openai.embeddings', '/embeddings', embeddings),
    ...media.map(([name, path, admission]) => post(name, path, admission)),
    post('openai.images', '/images', images),
    post('openai.rerank', '/rerank', rerank),
    post('openai.moderations', '/moderations', { kind: 'free', bodyModel: bodyModel('model') }),
    post('openai.input_tokens', '/responses/input_tokens', inputTokens),
    { ...free('GET', 'openai.responses', '/responses/{id}'), admission: storedResponse },
    post('openai.responses', '/responses/{id}/cancel', storedResponse),
    free('DELETE', 'openai.responses', '/responses/{id}'),
    ...batchEndpoints('openai', { path: '/v1', upstreamPath: '' }, batchable),
    free('GET', 'openai.models', '/models'),
    free('GET', 'openai.models', '/models/{model}'),
  ],
  forwardHeaders: [
    'openai-*',
    'groq-*',
    'http-referer',
    'x-title',
    'x-openrouter-title',
    'x-openrouter-categories',
    'x-grok-conv-id',
    'x-session-affinity',
    'accept',
  ],
  queryParameters: { counted: API_VERSION, free: { ...API_VERSION, ...OPENAI_LISTS } },
  authorizer: ({ apiKey }) => keyHeader('authorization', apiKey === '' ? '' : `Bearer ${apiKey}`),
  errorBody: openAiError,
  // Mistral answers 422 to `stream_options`, and reports the usage of every stream (https://docs.mistral.ai/api/#tag/chat).
  asksForUsage: (baseUrl) => !/^https?:\/\/[^/]*\bmistral\.ai(?:[:/]|$)/.test(baseUrl),
  outputMaxOf: openAiOutputMax,
}

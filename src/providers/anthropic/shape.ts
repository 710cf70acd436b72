import { createSseAnswer, readWhole } from '../answer.ts'
import { bodyModel } from '../body-model.ts'
import type { ApiShape, Metered } from '../provider.ts'
import { anyOf } from '../query-parameters.ts'
import { keyHeader } from '../key-header.ts'
import { anthropicReferences } from '../kept.ts'
import { batchEndpoints } from './batches.ts'
import { complete } from './complete.ts'
import { anthropicError } from './errors.ts'
import { anthropicOutputMax } from './output-max.ts'
import { estimateRequest } from '../request-text.ts'
import { prepareMessages, readMessagesRequest } from './request.ts'
import { withRefusals } from './refusal.ts'
import { readMessageParts } from './stream.ts'

/** What Anthropic's API and Vertex admit alike. */
export const messages: Metered = {
  kind: 'metered',
  readRequest: readMessagesRequest,
  prepare: prepareMessages,
  // Claude's own tokenizer is not published: OpenAI's stands in, in what is marked as an estimate anyway.
  estimateInput: estimateRequest,
  readAnswer: (status, body) => readWhole(withRefusals(readMessageParts()), status, body),
  readStream: () => createSseAnswer(withRefusals(readMessageParts())),
  referencesIn: anthropicReferences,
  keepsAnswer: () => true,
}

/** The API of Anthropic. A `base_url` has no `/v1`. */
export const anthropic: ApiShape = {
  api: 'anthropic',
  endpoints: [
    {
      name: 'anthropic.messages',
      method: 'POST',
      path: '/v1/messages',
      upstreamPath: '/v1/messages',
      admission: messages,
    },
    { name: 'anthropic.complete', method: 'POST', path: '/v1/complete', upstreamPath: '/v1/complete', admission: complete },
    ...batchEndpoints(messages),
    {
      name: 'anthropic.count_tokens',
      method: 'POST',
      path: '/v1/messages/count_tokens',
      upstreamPath: '/v1/messages/count_tokens',
      admission: { kind: 'free', bodyModel: bodyModel('model') },
    },
    { name: 'anthropic.models', method: 'GET', path: '/v1/models', upstreamPath: '/v1/models', admission: { kind: 'free' } },
    {
      name: 'anthropic.models',
      method: 'GET',
      path: '/v1/models/{model}',
      upstreamPath: '/v1/models/{model}',
      admission: { kind: 'free' },
    },
  ],
  forwardHeaders: ['anthropic-*', 'accept'],
  queryParameters: { counted: anyOf('beta'), free: anyOf('beta', 'limit', 'before_id', 'after_id') },
  authorizer: ({ apiKey }) => keyHeader('x-api-key', apiKey),
  errorBody: anthropicError,
  outputMaxOf: anthropicOutputMax,
}

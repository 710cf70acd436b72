import { keyHeader } from '../key-header.ts'
import { azureEndings } from './endings.ts'
import { openAiError } from '../openai/errors.ts'
import { openAiOutputMax } from '../openai/output-max.ts'
import { batchEndpoints } from '../openai/batches.ts'
import { batchable, chat, completions, embeddings, media, responsesBelow, storedResponse } from '../openai/shape.ts'
import type { ApiShape, Endpoint, Metered } from '../provider.ts'
import { API_VERSION, OPENAI_LISTS } from '../query-parameters.ts'

function nameOf(action: string): string {
  return `azure.${action.replace(/^.*\//, '')}`
}

/** Of both styles the newer is in every resource, and needs no version of the API. */
const NEWER = '/openai/v1'
const responses = responsesBelow(NEWER)

/** What names no deployment, in the older and in the newer style. */
const withoutDeployment: readonly Endpoint[] = ['/openai', NEWER].flatMap((base) => [
  { name: 'azure.responses', method: 'POST', path: `${base}/responses`, upstreamPath: `${base}/responses`, admission: responses },
  ofResponse('GET', `${base}/responses/{id}`),
  ofResponse('POST', `${base}/responses/{id}/cancel`),
  ofResponse('DELETE', `${base}/responses/{id}`),
  ...batchEndpoints('azure', { path: base, upstreamPath: base, ownPath: NEWER }, batchableAtAzure()),
  { name: 'azure.models', method: 'GET', path: `${base}/models`, upstreamPath: `${base}/models`, admission: { kind: 'free' } },
])

function ofResponse(method: Endpoint['method'], path: string): Endpoint {
  return { name: 'azure.responses', method, path, upstreamPath: path, admission: method === 'DELETE' ? { kind: 'free' } : storedResponse }
}

/** By their paths at OpenAI, and by those without a version (https://learn.microsoft.com/azure/ai-foundry/openai/how-to/batch). */
function batchableAtAzure(): ReadonlyMap<string, Metered> {
  return new Map([...batchable].flatMap(([path, metered]) => [[path, metered] as const, [path.replace('/v1', ''), metered] as const]))
}

/** Images and audio by the same names as OpenAI's, in both paths. */
const ofMedia: readonly Endpoint[] = media.flatMap(([openAiName, path, admission]) => {
  const name = openAiName.replace('openai.', 'azure.')
  return [ofDeployment(path.slice(1), admission, name), versionOne(path.slice(1), admission, name)]
})

/** The deployment is the model: what it runs is not in the request. */
function ofDeployment(action: string, admission: Endpoint['admission'], name = nameOf(action)): Endpoint {
  const path = `/openai/deployments/{model}/${action}`
  return { name, method: 'POST', path, upstreamPath: path, admission }
}

function versionOne(action: string, admission: Endpoint['admission'], name = nameOf(action)): Endpoint {
  const path = `/openai/v1/${action}`
  return { name, method: 'POST', path, upstreamPath: path, admission }
}

/** Older versions of the API answer 400 to `stream_options` (https://learn.microsoft.com/azure/ai-foundry/openai/api-version-lifecycle). */
const USAGE_OPTION_SINCE = '2024-09-01'

/** The version that a deployment's path asks for; without one it is the newest. */
function versionOf(path: string): string {
  return /^\/openai\/deployments\/.*[?&]api-version=(\d{4}-\d\d-\d\d)/.exec(path)?.[1] ?? USAGE_OPTION_SINCE
}

/** Models of others in Azure AI Foundry (https://learn.microsoft.com/azure/ai-foundry/foundry-models/how-to/inference). */
function ofFoundry(action: string, admission: Endpoint['admission']): Endpoint {
  const path = `/models/${action}`
  return { name: nameOf(action), method: 'POST', path, upstreamPath: path, admission }
}

/**
 * Azure OpenAI in both of its paths (https://learn.microsoft.com/azure/ai-foundry/openai/reference). A `base_url` is the
 * resource's endpoint without a path.
 */
export const azure: ApiShape = {
  api: 'azure',
  endpoints: [
    ofDeployment('chat/completions', chat),
    ofDeployment('completions', completions),
    ofDeployment('embeddings', embeddings),
    versionOne('chat/completions', chat),
    versionOne('completions', completions),
    versionOne('embeddings', embeddings),
    ofFoundry('chat/completions', chat),
    ofFoundry('embeddings', embeddings),
    ...ofMedia,
    ...withoutDeployment,
  ],
  forwardHeaders: ['openai-*', 'x-ms-client-request-id', 'x-ms-useragent', 'accept'],
  queryParameters: { counted: API_VERSION, free: { ...API_VERSION, ...OPENAI_LISTS } },
  authorizer: ({ apiKey }) => keyHeader('api-key', apiKey),
  errorBody: openAiError,
  asksForUsage: (_, path) => versionOf(path) >= USAGE_OPTION_SINCE,
  outputMaxOf: openAiOutputMax,
  endings: azureEndings,
}

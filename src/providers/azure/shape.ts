import { keyHeader } from '../key-header.ts'
import { openAiError } from '../openai/errors.ts'
import { openAiOutputMax } from '../openai/output-max.ts'
import { chat, completions, embeddings, responses } from '../openai/shape.ts'
import type { ApiShape, Endpoint } from '../provider.ts'

/** The deployment is the model: what it runs is not in the request. */
function ofDeployment(action: string, admission: Endpoint['admission']): Endpoint {
  const path = `/openai/deployments/{model}/${action}`
  return { name: `azure.${action.replace(/^.*\//, '')}`, method: 'POST', path, upstreamPath: path, admission }
}

function versionOne(action: string, admission: Endpoint['admission']): Endpoint {
  const path = `/openai/v1/${action}`
  return { name: `azure.${action.replace(/^.*\//, '')}`, method: 'POST', path, upstreamPath: path, admission }
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
    versionOne('responses', responses),
    versionOne('embeddings', embeddings),
    { name: 'azure.models', method: 'GET', path: '/openai/v1/models', upstreamPath: '/openai/v1/models', admission: { kind: 'free' } },
  ],
  authorizer: ({ apiKey }) => keyHeader('api-key', apiKey),
  errorBody: openAiError,
  outputMaxOf: openAiOutputMax,
}

import { readWhole } from '../answer.ts'
import type { ApiShape, Endpoint, Metered } from '../provider.ts'
import { NO_PARAMETERS } from '../query-parameters.ts'
import { readConverseParts } from './converse-answer.ts'
import { prepareConverse, readConverseRequest } from './converse-request.ts'
import { bedrockError, bedrockErrorHeaders } from './errors.ts'
import { createEventStreamAnswer } from './event-stream-answer.ts'
import { readInvokeParts } from './invoke-answer.ts'
import { prepareInvoke, readInvokeRequest } from './invoke-request.ts'
import { bedrockOutputMax } from './output-max.ts'
import { estimateRequest } from '../request-text.ts'
import { bedrockAuthorizer } from './signature.ts'

function converse(isStream: boolean): Metered {
  return {
    kind: 'metered',
    readRequest: readConverseRequest(isStream),
    prepare: prepareConverse,
    estimateInput: estimateRequest,
    readAnswer: (status, body) => readWhole(readConverseParts(), status, body),
    readStream: () => createEventStreamAnswer(readConverseParts()),
  }
}

function invoke(isStream: boolean): Metered {
  return {
    kind: 'metered',
    readRequest: readInvokeRequest(isStream),
    prepare: prepareInvoke,
    estimateInput: estimateRequest,
    readAnswer: (status, body, headers) => readWhole(readInvokeParts(headers), status, body),
    readStream: (_, headers) => createEventStreamAnswer(readInvokeParts(headers)),
  }
}

function endpoint(name: string, action: string, admission: Endpoint['admission']): Endpoint {
  const path = `/model/{model}/${action}`
  return { name, method: 'POST', path, upstreamPath: path, admission }
}

/**
 * The runtime API of Amazon Bedrock (https://docs.aws.amazon.com/bedrock/latest/APIReference/API_Operations_Amazon_Bedrock_Runtime.html).
 * The model is in the path: an id, an inference profile or an ARN. A `base_url` has no path.
 */
export const bedrock: ApiShape = {
  api: 'bedrock',
  endpoints: [
    endpoint('bedrock.converse', 'converse', converse(false)),
    endpoint('bedrock.converse', 'converse-stream', converse(true)),
    endpoint('bedrock.invoke', 'invoke', invoke(false)),
    endpoint('bedrock.invoke', 'invoke-with-response-stream', invoke(true)),
    endpoint('bedrock.count_tokens', 'count-tokens', { kind: 'free' }),
  ],
  forwardHeaders: [
    'x-amzn-bedrock-trace',
    'x-amzn-bedrock-guardrailidentifier',
    'x-amzn-bedrock-guardrailversion',
    'x-amzn-bedrock-accept',
    'x-amzn-bedrock-service-tier',
    'accept',
  ],
  queryParameters: { counted: NO_PARAMETERS, free: NO_PARAMETERS },
  authorizer: bedrockAuthorizer,
  errorBody: bedrockError,
  errorHeaders: bedrockErrorHeaders,
  outputMaxOf: bedrockOutputMax,
  // The runtime's API has no way to end an invocation, and a closed connection is none: the model goes on, and what it produces is
  // billed (https://docs.aws.amazon.com/bedrock/latest/APIReference/API_Operations_Amazon_Bedrock_Runtime.html).
  endings: { billsAfterHangUp: true },
}

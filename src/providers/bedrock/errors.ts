import type { ErrorFacts, JsonObject } from '../provider.ts'

/** Bedrock's error types by HTTP status (https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html#API_runtime_Converse_Errors). */
const TYPES: Readonly<Record<number, string>> = {
  400: 'ValidationException',
  401: 'AccessDeniedException',
  403: 'AccessDeniedException',
  404: 'ResourceNotFoundException',
  413: 'ValidationException',
  429: 'ThrottlingException',
  502: 'ServiceUnavailableException',
  503: 'ServiceUnavailableException',
  504: 'ServiceUnavailableException',
}

/** An error as AWS writes it; its SDKs choose the error class by the header of {@link bedrockErrorHeaders}. */
export function bedrockError({ code, message, details }: ErrorFacts): JsonObject {
  return { message, code, ...details }
}

/** The error's type (https://smithy.io/2.0/aws/protocols/aws-restjson1-protocol.html#operation-error-serialization). */
export function bedrockErrorHeaders({ status }: ErrorFacts): Readonly<Record<string, string>> {
  return { 'x-amzn-errortype': TYPES[status] ?? 'InternalServerException' }
}

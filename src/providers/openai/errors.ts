import type { ErrorFacts, JsonObject } from '../provider.ts'

/** OpenAI's error types by HTTP status (https://platform.openai.com/docs/guides/error-codes). */
const TYPES: Readonly<Record<number, string>> = {
  400: 'invalid_request_error',
  401: 'authentication_error',
  403: 'permission_error',
  404: 'invalid_request_error',
  413: 'invalid_request_error',
  429: 'insufficient_quota',
}

/** An error as OpenAI writes it; its SDKs choose the error class by the HTTP status. */
export function openAiError({ status, code, message, details }: ErrorFacts): JsonObject {
  return { error: { message, type: TYPES[status] ?? 'server_error', param: null, code, ...details } }
}

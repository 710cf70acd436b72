import type { ErrorFacts, JsonObject } from '../provider.ts'

/** Anthropic's error types by HTTP status (https://docs.anthropic.com/en/api/errors). */
const TYPES: Readonly<Record<number, string>> = {
  400: 'invalid_request_error',
  401: 'authentication_error',
  403: 'permission_error',
  404: 'not_found_error',
  413: 'request_too_large',
  429: 'rate_limit_error',
  503: 'overloaded_error',
}

/** An error as Anthropic writes it; its SDKs choose the error class by the HTTP status. */
export function anthropicError({ status, code, message, details }: ErrorFacts): JsonObject {
  return { type: 'error', error: { type: TYPES[status] ?? 'api_error', message, code, ...details } }
}

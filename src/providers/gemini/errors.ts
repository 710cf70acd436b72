import type { ErrorFacts, JsonObject } from '../provider.ts'

/** google.rpc.Code by HTTP status (https://cloud.google.com/apis/design/errors). */
const STATUSES: Readonly<Record<number, string>> = {
  400: 'INVALID_ARGUMENT',
  401: 'UNAUTHENTICATED',
  403: 'PERMISSION_DENIED',
  404: 'NOT_FOUND',
  413: 'INVALID_ARGUMENT',
  429: 'RESOURCE_EXHAUSTED',
  503: 'UNAVAILABLE',
  504: 'DEADLINE_EXCEEDED',
}

/** An error as Google's APIs write it; what is Bursar's own stands beside. */
export function geminiError({ status, code, message, details }: ErrorFacts): JsonObject {
  const reason = { '@type': 'type.googleapis.com/google.rpc.ErrorInfo', reason: code, domain: 'bursar' }
  return { error: { code: status, message, status: STATUSES[status] ?? 'INTERNAL', details: [reason], bursar: { code, ...details } } }
}

/** What an error code means to the caller; docs/reference/errors.md explains each. */
export interface ErrorCode {
  readonly status: number
}

/** Every code that Bursar answers with, and its HTTP status. */
export const ERROR_CODES = {
  invalid_request: { status: 400 },
  invalid_api_key: { status: 401 },
  attribute_not_allowed: { status: 403 },
  model_not_allowed: { status: 403 },
  unsupported_path: { status: 404 },
  not_found: { status: 404 },
  request_timeout: { status: 408 },
  body_too_large: { status: 413 },
  unsupported_encoding: { status: 415 },
  budget_exceeded: { status: 429 },
  internal_error: { status: 500 },
  upstream_unreachable: { status: 502 },
  store_unavailable: { status: 503 },
  overloaded: { status: 503 },
  shutting_down: { status: 503 },
  upstream_timeout: { status: 504 },
} as const satisfies Readonly<Record<string, ErrorCode>>

export type Code = keyof typeof ERROR_CODES

import { type Code, ERROR_CODES } from '../http/error-codes.ts'
import type { Headers } from '../http/header-names.ts'

/** Ends a call with an answer of Bursar's own, in the shape of the API that was called. */
export class GatewayError extends Error {
  override readonly name = 'GatewayError'
  readonly code: Code
  /** Further members of the error object. */
  readonly details: Readonly<Record<string, unknown>>
  readonly headers: Headers

  constructor(code: Code, message: string, extra: { details?: Readonly<Record<string, unknown>>; headers?: Headers } = {}) {
    super(message)
    this.code = code
    this.details = extra.details ?? {}
    this.headers = extra.headers ?? {}
  }

  get status(): number {
    return ERROR_CODES[this.code].status
  }
}

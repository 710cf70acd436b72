/** What can go wrong in the world around Bursar, by the code that callers see. */
export type FailureCode =
  | 'store_unavailable'
  | 'upstream_unreachable'
  | 'upstream_timeout'
  | 'invalid_config'
  | 'invalid_request'
  | 'not_found'

/**
 * A failure of the world, thrown. Its message says what happened, to what, and what to do; it holds no secret and no prompt,
 * so it may be shown to the caller.
 */
export class Failure extends Error {
  override readonly name = 'Failure'
  readonly code: FailureCode

  constructor(code: FailureCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? {} : { cause })
    this.code = code
  }
}

/** Another process has the data directory, and may be about to end. */
export class DataDirInUse extends Failure {
  constructor(message: string, cause?: unknown) {
    super('store_unavailable', message, cause)
  }
}

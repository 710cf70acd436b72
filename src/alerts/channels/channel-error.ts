/**
 * A try that failed. Its message says what happened, where, and what to do; it goes into the ledger and to whoever asks for
 * alerts, so it never holds a URL's path or a password.
 */
export class ChannelError extends Error {
  override readonly name = 'ChannelError'
  /** False where a further try can't help until somebody changes something. */
  readonly isRetryable: boolean
  /** How long the receiver asked to be left alone; undefined where it did not. */
  readonly retryAfterMs: number | undefined

  constructor(message: string, options: { readonly isRetryable: boolean; readonly retryAfterMs?: number | undefined }) {
    super(message)
    this.isRetryable = options.isRetryable
    this.retryAfterMs = options.retryAfterMs
  }
}

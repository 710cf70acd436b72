import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'

export type Handler = (request: IncomingMessage, response: ServerResponse) => Promise<void>

/** How long a connection may take for what costs it nothing. */
export interface ListenerLimits {
  /** From the first byte of a connection, or of a further request on it, to the end of a request's head. */
  readonly headMs: number
  /** How often that is looked at. */
  readonly checkMs: number
  /** Between two requests. */
  readonly keepAliveMs: number
}

/**
 * A head is one packet, so that even a slow line brings it in a second. Each connection without one keeps a file descriptor that a
 * call then can't have.
 */
const HEAD_MS = 15_000
const HEAD_CHECK_MS = 3000
/** Longer than load balancers keep theirs, so that it is never this side which closes first. */
const KEEP_ALIVE_MS = 75_000

const LIMITS: ListenerLimits = { headMs: HEAD_MS, checkMs: HEAD_CHECK_MS, keepAliveMs: KEEP_ALIVE_MS }

/**
 * A server that reads heads within a time, and in one way: Node's parser is strict, so that a request of two lengths, or with a length
 * that is none, ends its connection (RFC 9112 6.3). Bodies have deadlines of their own where they are read.
 * @param failed what a handler did not answer; its connection is closed
 */
export function createListener(handle: Handler, failed: (error: unknown) => void, limits = LIMITS): Server {
  const { headMs, checkMs, keepAliveMs } = limits
  const options = {
    headersTimeout: headMs,
    connectionsCheckingInterval: checkMs,
    keepAliveTimeout: keepAliveMs,
    // Of whole requests; answers may take an hour.
    requestTimeout: 0,
    insecureHTTPParser: false,
  }
  return createServer(options, (request, response) => {
    handle(request, response).catch((error: unknown) => {
      failed(error)
      response.destroy()
    })
  })
}

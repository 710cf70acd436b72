import type { ServerResponse } from 'node:http'
import type { Handler } from './listener.ts'

/** How long a browser may remember the answer to a preflight. */
const PREFLIGHT_SECONDS = 600
const HEADER_NAMES = /^[A-Za-z0-9_-]+(?: *, *[A-Za-z0-9_-]+){0,99}$/

/**
 * Lets pages of these origins call, as the Fetch standard asks (https://fetch.spec.whatwg.org/#http-cors-protocol): never with a
 * browser's own credentials, since a key is sent in a header. Pages of other origins get no answer that their browser would show.
 * @param origins such as `https://app.example.com`; `*` is every origin
 */
export function crossOrigin(handle: Handler, origins: readonly string[]): Handler {
  if (origins.length === 0) return handle
  const allowed = new Set(origins)
  return async (request, response) => {
    const { origin } = request.headers
    if (origin === undefined || !(allowed.has('*') || allowed.has(origin))) return handle(request, response)
    response.setHeader('access-control-allow-origin', allowed.has('*') ? '*' : origin)
    if (!allowed.has('*')) response.setHeader('vary', 'origin')
    const isPreflight = request.method === 'OPTIONS' && request.headers['access-control-request-method'] !== undefined
    if (isPreflight) return answerPreflight(response, request.headers['access-control-request-headers'] ?? '')
    response.setHeader('access-control-expose-headers', '*')
    return handle(request, response)
  }
}

/** Which headers go to the provider is decided where they are passed on. */
function answerPreflight(response: ServerResponse, wanted: string): void {
  response.setHeader('access-control-allow-methods', 'GET, POST, DELETE')
  if (HEADER_NAMES.test(wanted)) response.setHeader('access-control-allow-headers', wanted)
  response.setHeader('access-control-max-age', String(PREFLIGHT_SECONDS))
  response.writeHead(204, { 'content-length': '0' }).end()
}

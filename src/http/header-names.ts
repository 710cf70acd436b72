import type { IncomingHttpHeaders } from 'node:http'

/** Headers of one connection, never passed on (RFC 9110 7.6.1). */
const HOP_BY_HOP = [
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]

/** Where a caller may put its key. */
export const KEY_HEADERS = ['authorization', 'x-api-key', 'api-key', 'x-goog-api-key'] as const

const NOT_TO_PROVIDER: ReadonlySet<string> = new Set([...HOP_BY_HOP, ...KEY_HEADERS, 'host', 'content-length', 'expect', 'cookie'])
const NOT_TO_CLIENT: ReadonlySet<string> = new Set([...HOP_BY_HOP, 'ratelimit', 'ratelimit-policy'])

export type Headers = Record<string, string | string[]>

/** Of a request that an AWS SDK signed; the provider gets Bursar's own signature. `x-amzn-…` are options of the call. */
const AWS_SIGNING = /^(?:x-amz-|amz-sdk-)/

/** The client's headers that go to the provider: without its key, the connection's own and Bursar's. */
export function headersToProvider(headers: IncomingHttpHeaders): Headers {
  return pass(headers, isForProvider)
}

/** The provider's headers that go to the client. */
export function headersToClient(headers: IncomingHttpHeaders): Headers {
  return pass(headers, isForClient)
}

function isForProvider(name: string): boolean {
  return !NOT_TO_PROVIDER.has(name) && !name.startsWith('x-bursar-') && !AWS_SIGNING.test(name)
}

function isForClient(name: string): boolean {
  return !NOT_TO_CLIENT.has(name)
}

/** @returns an object of the caller's own, to add to */
function pass(headers: IncomingHttpHeaders, isPassed: (name: string) => boolean): Headers {
  const passed: Headers = {}
  for (const name in headers) {
    const value = headers[name]
    if (value !== undefined && isPassed(name)) passed[name] = value
  }
  return passed
}

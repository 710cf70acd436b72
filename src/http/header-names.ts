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
  return pass(headers, PASSED_TO_PROVIDER)
}

/** The provider's headers that go to the client. */
export function headersToClient(headers: IncomingHttpHeaders): Headers {
  return pass(headers, PASSED_TO_CLIENT)
}

function isForProvider(name: string): boolean {
  return !NOT_TO_PROVIDER.has(name) && !name.startsWith('x-bursar-') && !AWS_SIGNING.test(name)
}

function isForClient(name: string): boolean {
  return !NOT_TO_CLIENT.has(name)
}

/** Names come again in every call; how many are remembered is bounded, since callers choose them. */
class PassedNames {
  readonly #known = new Map<string, boolean>()
  readonly #isPassed: (name: string) => boolean

  constructor(isPassed: (name: string) => boolean) {
    this.#isPassed = isPassed
  }

  has(name: string): boolean {
    const known = this.#known.get(name)
    if (known !== undefined) return known
    const isPassed = this.#isPassed(name)
    if (this.#known.size < KNOWN_NAMES_MAX) this.#known.set(name, isPassed)
    return isPassed
  }
}

const KNOWN_NAMES_MAX = 1000
const PASSED_TO_PROVIDER = new PassedNames(isForProvider)
const PASSED_TO_CLIENT = new PassedNames(isForClient)

/** @returns an object of the caller's own, to add to */
function pass(headers: IncomingHttpHeaders, names: PassedNames): Headers {
  const passed: Headers = {}
  for (const name in headers) {
    const value = headers[name]
    if (value !== undefined && names.has(name)) passed[name] = value
  }
  return passed
}

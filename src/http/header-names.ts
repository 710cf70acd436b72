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

/**
 * Names and values in turn, as node:http and undici take them. An object would be given a shape of its own name by name, and be
 * taken apart again: of all that a call's headers cost, that is the most (measured).
 */
export type HeaderList = string[]

/** Of a request that an AWS SDK signed; the provider gets Bursar's own signature. `x-amzn-…` are options of the call. */
const AWS_SIGNING = ['x-amz-', 'amz-sdk-'] as const

/**
 * The client's headers that go to the provider: without its key, the connection's own and Bursar's.
 * @param own stand in the place of the client's
 */
export function headersToProvider(headers: IncomingHttpHeaders, own: Headers): HeaderList {
  return pass(headers, own, isForProvider)
}

/**
 * The provider's headers that go to the client.
 * @param own stand in the place of the provider's
 * @param isLeftOut of the provider's; absent: none is
 */
export function headersToClient(headers: IncomingHttpHeaders, own: Headers, isLeftOut?: (name: string) => boolean): HeaderList {
  return pass(headers, own, isLeftOut === undefined ? isForClient : (name) => isForClient(name) && !isLeftOut(name))
}

function isForProvider(name: string): boolean {
  return !NOT_TO_PROVIDER.has(name) && !name.startsWith('x-bursar-') && !AWS_SIGNING.some((start) => name.startsWith(start))
}

function isForClient(name: string): boolean {
  return !NOT_TO_CLIENT.has(name)
}

function pass(headers: IncomingHttpHeaders, own: Headers, isPassed: (name: string) => boolean): HeaderList {
  const passed: HeaderList = []
  for (const name in headers) {
    const value = headers[name]
    if (value !== undefined && !Object.hasOwn(own, name) && isPassed(name)) add(passed, name, value)
  }
  for (const name in own) add(passed, name, own[name] ?? '')
  return passed
}

function add(list: HeaderList, name: string, value: string | readonly string[]): void {
  if (typeof value === 'string') list.push(name, value)
  else for (const one of value) list.push(name, one)
}

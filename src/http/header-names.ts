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

/**
 * Whatever a list says: the connection's own, the caller's credentials, and what is said of bytes that Bursar may have changed (it sends
 * what is true of them).
 */
const NOT_TO_PROVIDER: ReadonlySet<string> = new Set([
  ...HOP_BY_HOP,
  ...KEY_HEADERS,
  'host',
  'content-length',
  'content-encoding',
  'content-md5',
  'content-digest',
  'repr-digest',
  'digest',
  'expect',
  'cookie',
])

/** Of the request as such, of its trace, and of the official SDKs of more than one API. */
const FORWARDED = [
  'accept-encoding',
  'accept-language',
  'content-type',
  'user-agent',
  'idempotency-key',
  'x-request-id',
  'x-client-request-id',
  'x-correlation-id',
  'traceparent',
  'tracestate',
  'baggage',
  'x-stainless-*',
] as const

/**
 * Hop by hop, Bursar's own, and what speaks of the provider's origin and not of Bursar's: which pages may read answers, and how to
 * connect. The names of Bursar's own begin with `x-bursar-`.
 */
const NOT_TO_CLIENT: ReadonlySet<string> = new Set([
  ...HOP_BY_HOP,
  'ratelimit',
  'ratelimit-policy',
  'alt-svc',
  'strict-transport-security',
  'clear-site-data',
  'nel',
  'report-to',
  'location',
])
const NOT_TO_CLIENT_PREFIXES = ['x-bursar-', 'access-control-'] as const

export type Headers = Record<string, string | string[]>

/**
 * Names and values in turn, as node:http and undici take them. An object would be given a shape of its own name by name, and be
 * taken apart again: of all that a call's headers cost, that is the most (measured).
 */
export type HeaderList = string[]

/** Of a request that an AWS SDK signed; the provider gets Bursar's own signature. `x-amzn-…` are options of the call. */
const NOT_TO_PROVIDER_PREFIXES = ['x-bursar-', 'x-amz-', 'amz-sdk-'] as const

/** Whether a request header is passed on, by its name in lower case. */
export type IsForwarded = (name: string) => boolean

/**
 * What is passed on to a provider: what every API has, and these. What is on no list may change the shape of an answer (field masks,
 * another method, another deployment), so it stays here.
 * @param more names in lower case; one that ends in `*` is all that begin so
 */
export function forwardedHeaders(more: readonly string[]): IsForwarded {
  const all = [...FORWARDED, ...more]
  const names = new Set(all.filter((name) => !name.endsWith('*') && !isNeverForwarded(name)))
  const starts = all.filter((name) => name.endsWith('*')).map((name) => name.slice(0, -1))
  return (name) => names.has(name) || (starts.some((start) => name.startsWith(start)) && !isNeverForwarded(name))
}

function isNeverForwarded(name: string): boolean {
  return NOT_TO_PROVIDER.has(name) || NOT_TO_PROVIDER_PREFIXES.some((start) => name.startsWith(start))
}

/**
 * The client's headers that go to the provider: without its key, the connection's own and Bursar's.
 * @param own stand in the place of the client's
 */
export function headersToProvider(headers: IncomingHttpHeaders, own: Headers, isForwarded: IsForwarded): HeaderList {
  const encodings = headers['accept-encoding']
  const read = encodings === undefined || Object.hasOwn(own, 'accept-encoding') ? own : { ...own, 'accept-encoding': readable(encodings) }
  return pass(headers, read, andNotOfConnection(headers, isForwarded))
}

/** Encodings that Bursar reads, and the one that is none. */
const ENCODINGS: ReadonlySet<string> = new Set(['gzip', 'x-gzip', 'deflate', 'br', 'zstd', 'identity'])

/** Without those in which Bursar could not read what an answer used. */
function readable(encodings: string | readonly string[]): string {
  const offered = (typeof encodings === 'string' ? encodings : encodings.join(',')).split(',')
  const known = offered.filter((one) => ENCODINGS.has((one.split(';')[0] ?? '').trim().toLowerCase()))
  return known.length === offered.length ? offered.join(',') : known.join(',').trim() || 'identity'
}

/** A header that `connection` names is the connection's own too (RFC 9110 7.6.1). */
function andNotOfConnection({ connection = '' }: IncomingHttpHeaders, isPassed: IsForwarded): IsForwarded {
  if (!/[^,\s]/.test(connection) || /^(?:keep-alive|close)$/i.test(connection)) return isPassed
  const named = new Set(connection.toLowerCase().split(',').map((name) => name.trim())) // prettier-ignore
  return (name) => !named.has(name) && isPassed(name)
}

/**
 * The provider's headers that go to the client.
 * @param own stand in the place of the provider's
 * @param isLeftOut of the provider's; absent: none is
 */
export function headersToClient(headers: IncomingHttpHeaders, own: Headers, isLeftOut?: (name: string) => boolean): HeaderList {
  const isPassed = isLeftOut === undefined ? isForClient : (name: string) => isForClient(name) && !isLeftOut(name)
  return pass(headers, own, andNotOfConnection(headers, isPassed))
}

function isForClient(name: string): boolean {
  return !NOT_TO_CLIENT.has(name) && !NOT_TO_CLIENT_PREFIXES.some((start) => name.startsWith(start))
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

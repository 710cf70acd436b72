import type { IncomingHttpHeaders } from 'node:http'
import type { ApiShape, Endpoint, PathValues } from '../providers/provider.ts'
import { GatewayError } from './gateway-error.ts'
import { likelyPath } from './likely-path.ts'
import { type PathTemplate, pathTemplate } from './path-template.ts'
import { readQuery } from './query.ts'

/** What a path means: which API it speaks, which of its endpoints, and the provider where the path names one. */
export interface Route {
  readonly shape: ApiShape
  readonly endpoint: Endpoint
  /** What the `{name}`s of the endpoint's path stand for. */
  readonly values: PathValues
  /** The path to append to the provider's `base_url`, with the query; for a model that has another name there, with that. */
  readonly upstreamPath: (model?: string) => string
  /** From `/{provider}/…`; absent: the model decides. */
  readonly provider?: string
  /** Where the query holds what may be the caller's key. */
  readonly keysInQuery?: readonly string[]
}

interface RoutedRequest {
  readonly method: string
  readonly url: string
  readonly headers: IncomingHttpHeaders
}

export interface Router {
  /** @throws GatewayError unsupported_path for every path that can't be counted */
  readonly route: (request: RoutedRequest) => Route
  /** The shape in which to answer a caller whose path is unknown. */
  readonly shapeOf: (url: string, headers: IncomingHttpHeaders) => ApiShape
}

interface Candidate {
  readonly shape: ApiShape
  readonly endpoint: Endpoint
}

interface Pattern extends Candidate {
  readonly template: PathTemplate
  readonly upstreamTemplate: PathTemplate
}

/** An endpoint that a path leads to. */
interface Match extends Candidate {
  readonly values: PathValues
  readonly upstreamPath: (model?: string) => string
}

const NO_VALUES: PathValues = {}

/**
 * Only what is listed in an API's endpoints has a route, and each endpoint says how it is admitted: a path that can't be
 * counted can't be reached.
 * @param providerApis the API of each configured provider, by the provider's name
 */
export function createRouter(shapes: readonly ApiShape[], providerApis: ReadonlyMap<string, string>): Router {
  const all = shapes.flatMap((shape) => shape.endpoints.map((endpoint) => ({ shape, endpoint })))
  const isPattern = ({ endpoint }: Candidate) => endpoint.path.includes('{')
  const exact = Map.groupBy(all.filter((candidate) => !isPattern(candidate)).map(exactMatch), ({ endpoint }) =>
    keyOf(endpoint.method, endpoint.path),
  )
  const patterns = all.filter(isPattern).map(toPattern)
  const candidates = (method: string, path: string): readonly Match[] =>
    exact.get(keyOf(method, path)) ?? patterns.flatMap((pattern) => matchOf(pattern, method, path))
  const shapeOf = (url: string, headers: IncomingHttpHeaders) => shapeByPath(shapes, providerApis, url) ?? shapeByHeaders(shapes, headers)
  const ofProvider = (method: string, path: string, provider: string): Match | undefined =>
    candidates(method, path.slice(provider.length + 1)).find(({ shape }) => shape.api === providerApis.get(provider))
  const configured = new Set(providerApis.values())
  const reachable = (found: readonly Match[]): readonly Match[] => {
    const all = found.filter(({ endpoint }) => endpoint.isOnlyBelowProvider !== true)
    const callable = all.filter(({ shape }) => configured.has(shape.api))
    return callable.length > 0 ? callable : all
  }
  const ofHeaders = (found: readonly Match[], headers: IncomingHttpHeaders): Match | undefined => {
    if (found.length < 2) return found[0]
    const { api } = shapeByHeaders(shapes, headers)
    return found.find(({ shape }) => shape.api === api) ?? found[0]
  }
  const plain = plainUrls([...exact.values()].map(reachable), providerApis)
  const ofPlainUrl = ({ method, url, headers }: RoutedRequest): Route | undefined => {
    const found = headers.upgrade === undefined ? plain.get(url)?.get(method) : undefined
    return found === undefined ? undefined : ofHeaders(found, headers)
  }
  const ofParts = ({ method, url, headers }: RoutedRequest): Route => {
    const { path, query } = splitUrl(url)
    const provider = firstSegment(path)
    const named = providerApis.has(provider) ? ofProvider(method, path, provider) : undefined
    const chosen = named ?? ofHeaders(reachable(candidates(method, path)), headers)
    if (headers.upgrade !== undefined) throw noUpgrade(headers.upgrade)
    if (chosen === undefined) throw unsupported({ method, path }, hintOf(method, path))
    return withQuery(chosen, { query, provider: named === undefined ? undefined : provider })
  }
  const isKnown = (method: string, path: string) => reachable(candidates(method, path)).length > 0
  const hintOf = (method: string, path: string): string | undefined => {
    const provider = firstSegment(path)
    const api = providerApis.get(provider)
    const below = path.slice(provider.length + 1)
    if (api === undefined) {
      const likely = likelyPath(isKnown, { method, path })
      if (likely !== undefined) return `did you mean ${likely}?`
      return isKnown(method, below) ? `did you mean ${method} ${below}? The config has no provider "${provider}"` : undefined
    }
    const ofApi = (one: string, tail: string) => candidates(one, tail).some(({ shape }) => shape.api === api)
    const likely = likelyPath(ofApi, { method, path: below })
    if (likely !== undefined) return `did you mean ${likely.replace(' ', ` /${provider}`)}?`
    return isKnown(method, below) ? `the provider "${provider}" speaks the ${api} API, which has no such path` : undefined
  }
  return { shapeOf, route: (request) => ofPlainUrl(request) ?? ofParts(request) }
}

function withQuery(chosen: Match, { query, provider }: { readonly query: string; readonly provider: string | undefined }): Route {
  const { forwarded, keys } = readQuery(query, chosen.shape, chosen.endpoint)
  return {
    ...chosen,
    ...(forwarded === '' ? {} : { upstreamPath: (model?: string) => chosen.upstreamPath(model) + forwarded }),
    ...(provider === undefined ? {} : { provider }),
    ...(keys.length === 0 ? {} : { keysInQuery: keys }),
  }
}

/**
 * What most calls are to: by the URL, then by the method, without taking the URL apart. Not where its path begins with a provider's
 * name: a provider may have the one that another API's paths begin with, Azure's with /openai.
 * @param matches of one method and path each
 */
function plainUrls(
  matches: readonly (readonly Match[])[],
  providerApis: ReadonlyMap<string, string>,
): ReadonlyMap<string, ReadonlyMap<string, readonly Match[]>> {
  const urls = new Map<string, Map<string, readonly Match[]>>()
  for (const found of matches) {
    const [first] = found
    if (first === undefined || providerApis.has(firstSegment(first.endpoint.path))) continue
    const { path, method } = first.endpoint
    urls.set(path, (urls.get(path) ?? new Map<string, readonly Match[]>()).set(method, found))
  }
  return urls
}

function keyOf(method: string, path: string): string {
  return `${method} ${path}`
}

function splitUrl(url: string): { path: string; query: string } {
  const mark = url.indexOf('?')
  return mark < 0 ? { path: url, query: '' } : { path: url.slice(0, mark), query: url.slice(mark) }
}

function firstSegment(path: string): string {
  const end = path.indexOf('/', 1)
  return end < 0 ? path.slice(1) : path.slice(1, end)
}

function exactMatch(candidate: Candidate): Match {
  return { ...candidate, values: NO_VALUES, upstreamPath: () => candidate.endpoint.upstreamPath }
}

function toPattern(candidate: Candidate): Pattern {
  const { path, upstreamPath } = candidate.endpoint
  return { ...candidate, template: pathTemplate(path), upstreamTemplate: pathTemplate(upstreamPath) }
}

function matchOf({ shape, endpoint, template, upstreamTemplate }: Pattern, method: string, path: string): readonly Match[] {
  const values = endpoint.method === method ? template.match(path) : undefined
  if (values === undefined) return []
  const upstreamPath = (model?: string) => upstreamTemplate.fill(model === undefined ? values : { ...values, model })
  return [{ shape, endpoint, values, upstreamPath }]
}

function shapeByPath(shapes: readonly ApiShape[], providerApis: ReadonlyMap<string, string>, url: string): ApiShape | undefined {
  const { path } = splitUrl(url)
  const provider = firstSegment(path)
  const apiPath = providerApis.has(provider) ? path.slice(provider.length + 1) : path
  const named = shapes.find(({ api }) => api === providerApis.get(provider))
  const byEndpoint = shapes.filter(({ endpoints }) => endpoints.some(({ path }) => apiPath.startsWith(path.split('{')[0] ?? path)))
  return named ?? (byEndpoint.length === 1 ? byEndpoint[0] : undefined)
}

/** Headers that only the clients of one API send. */
const HEADER_OF_API: readonly (readonly [header: string, api: ApiShape['api']])[] = [
  ['anthropic-version', 'anthropic'],
  ['x-goog-api-key', 'gemini'],
]

function shapeByHeaders(shapes: readonly ApiShape[], headers: IncomingHttpHeaders): ApiShape {
  const wanted = HEADER_OF_API.find(([header]) => headers[header] !== undefined)?.[1] ?? 'openai'
  const shape = shapes.find(({ api }) => api === wanted) ?? shapes[0]
  if (shape === undefined) throw new GatewayError('unsupported_path', 'no API is configured: add a provider to the config')
  return shape
}

function noUpgrade(upgrade: string): GatewayError {
  const message = `Bursar can't count what goes over a connection that is upgraded to "${upgrade.slice(0, 50)}" (realtime sessions), so it opens none: use the API's HTTP paths`
  return new GatewayError('unsupported_path', message, { headers: { connection: 'close' } })
}

function unsupported({ method, path }: Pick<RoutedRequest, 'method'> & { readonly path: string }, hint: string | undefined): GatewayError {
  const what = `Bursar can't count ${method} ${path.slice(0, 200)}, so it does not forward it`
  return new GatewayError('unsupported_path', `${what}: ${hint ?? 'docs/reference/gateway.md lists what it counts.'}`)
}

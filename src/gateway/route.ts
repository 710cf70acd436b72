import type { IncomingHttpHeaders } from 'node:http'
import type { ApiShape, Endpoint } from '../providers/provider.ts'
import { GatewayError } from './gateway-error.ts'

/** What a path means: which API it speaks, which of its endpoints, and the provider where the path names one. */
export interface Route {
  readonly shape: ApiShape
  readonly endpoint: Endpoint
  /** The path to append to the provider's `base_url`, with the query. */
  readonly upstreamPath: string
  /** From `/{provider}/…`; absent: the model decides. */
  readonly provider?: string
}

export interface Router {
  /** @throws GatewayError unsupported_path for every path that can't be counted */
  readonly route: (request: { method: string; url: string; headers: IncomingHttpHeaders }) => Route
  /** The shape in which to answer a caller whose path is unknown. */
  readonly shapeOf: (url: string, headers: IncomingHttpHeaders) => ApiShape
}

interface Candidate {
  readonly shape: ApiShape
  readonly endpoint: Endpoint
}

/**
 * Only what is listed in an API's endpoints has a route, and each endpoint says how it is admitted: a path that can't be
 * counted can't be reached.
 * @param providerApis the API of each configured provider, by the provider's name
 */
export function createRouter(shapes: readonly ApiShape[], providerApis: ReadonlyMap<string, string>): Router {
  const exact = new Map<string, Candidate[]>()
  const patterns: Candidate[] = []
  for (const shape of shapes) {
    for (const endpoint of shape.endpoints) {
      if (endpoint.path.includes('{')) patterns.push({ shape, endpoint })
      else
        exact.set(keyOf(endpoint.method, endpoint.path), [...(exact.get(keyOf(endpoint.method, endpoint.path)) ?? []), { shape, endpoint }])
    }
  }
  const candidates = (method: string, path: string) =>
    exact.get(keyOf(method, path)) ?? patterns.filter(({ endpoint }) => endpoint.method === method && doesMatch(endpoint.path, path))
  const shapeOf = (url: string, headers: IncomingHttpHeaders) => shapeByPath(shapes, providerApis, url) ?? shapeByHeaders(shapes, headers)
  return {
    shapeOf,
    route: ({ method, url, headers }) => {
      const { path, query } = splitUrl(url)
      const provider = firstSegment(path)
      const isNamed = providerApis.has(provider)
      const apiPath = isNamed ? path.slice(provider.length + 1) : path
      const api = isNamed ? providerApis.get(provider) : shapeByHeaders(shapes, headers).api
      const found = candidates(method, apiPath)
      const chosen = found.find(({ shape }) => shape.api === api) ?? (isNamed ? undefined : found[0])
      if (chosen === undefined) throw unsupported(method, path)
      const upstreamPath = upstreamPathOf(chosen.endpoint, apiPath) + query
      return { ...chosen, upstreamPath, ...(isNamed ? { provider } : {}) }
    },
  }
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

/** A `{name}` stands for one segment; dots alone are no segment, so that no path climbs out of its endpoint. */
function doesMatch(pattern: string, path: string): boolean {
  const wanted = pattern.split('/')
  const given = path.split('/')
  return (
    wanted.length === given.length &&
    wanted.every((segment, i) => segment === given[i] || (segment.startsWith('{') && /^(?!\.+$)[\w.:@%-]+$/.test(given[i] ?? '')))
  )
}

function upstreamPathOf(endpoint: Endpoint, path: string): string {
  if (!endpoint.path.includes('{')) return endpoint.upstreamPath
  const prefix = endpoint.path.slice(0, endpoint.path.indexOf('{'))
  const upstreamPrefix = endpoint.upstreamPath.slice(0, endpoint.upstreamPath.indexOf('{'))
  return upstreamPrefix + path.slice(prefix.length)
}

function shapeByPath(shapes: readonly ApiShape[], providerApis: ReadonlyMap<string, string>, url: string): ApiShape | undefined {
  const { path } = splitUrl(url)
  const provider = firstSegment(path)
  const apiPath = providerApis.has(provider) ? path.slice(provider.length + 1) : path
  const named = shapes.find(({ api }) => api === providerApis.get(provider))
  const byEndpoint = shapes.filter(({ endpoints }) => endpoints.some((endpoint) => apiPath.startsWith(endpoint.path)))
  return named ?? (byEndpoint.length === 1 ? byEndpoint[0] : undefined)
}

function shapeByHeaders(shapes: readonly ApiShape[], headers: IncomingHttpHeaders): ApiShape {
  const wanted = headers['anthropic-version'] === undefined ? 'openai' : 'anthropic'
  const shape = shapes.find(({ api }) => api === wanted) ?? shapes[0]
  if (shape === undefined) throw new GatewayError('unsupported_path', 'no API is configured: add a provider to the config')
  return shape
}

function unsupported(method: string, path: string): GatewayError {
  return new GatewayError(
    'unsupported_path',
    `Bursar can't count ${method} ${path.slice(0, 200)}, so it does not forward it. See the list of paths in the README.`,
  )
}

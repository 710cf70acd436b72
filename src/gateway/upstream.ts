import { Pool } from 'undici'
import type { ApiShape, Authorize, Credentials } from '../providers/provider.ts'
import { globs } from '../engine/glob.ts'
import { forwardedHeaders, type IsForwarded } from '../http/header-names.ts'
import { GatewayError } from './gateway-error.ts'
import { type Deadlines, deadlinesOf } from './deadlines.ts'
import type { Route } from './route.ts'

/** A configured provider. */
export interface UpstreamConfig {
  readonly name: string
  readonly api: string
  /** As that provider's official SDK takes it, without a slash at its end. */
  readonly baseUrl: string
  readonly credentials: Credentials
  /** Patterns of the model names that it claims; empty: none in particular. */
  readonly models: readonly string[]
  /** Request headers that are passed on beside those of the API, by their names in lower case. */
  readonly forwardHeaders: readonly string[]
  /** To the first byte of an answer, and between its bytes. */
  readonly timeoutMs: number
}

/** A provider with its connections. */
export interface Upstream {
  readonly name: string
  readonly shape: ApiShape
  readonly pool: Pool
  readonly origin: string
  readonly basePath: string
  readonly authorize: Authorize
  readonly deadlines: Deadlines
  readonly claims: (model: string) => boolean
  readonly isForwarded: IsForwarded
  /** @param path below the `base_url` */
  readonly asksForUsage: (path: string) => boolean
}

/** Where a call goes: the provider, and the model's name there. */
export interface Target {
  readonly upstream: Upstream
  readonly model: string
}

const CONNECT_TIMEOUT_MS = 10_000

export function createUpstream(config: UpstreamConfig, shape: ApiShape): Upstream {
  const url = new URL(config.baseUrl)
  return {
    name: config.name,
    shape,
    pool: new Pool(url.origin, {
      headersTimeout: config.timeoutMs,
      bodyTimeout: config.timeoutMs,
      connect: { timeout: CONNECT_TIMEOUT_MS },
    }),
    origin: url.origin,
    basePath: url.pathname.replace(/\/+$/, ''),
    authorize: shape.authorizer(config.credentials),
    deadlines: deadlinesOf(config.timeoutMs),
    asksForUsage: (path) => shape.asksForUsage?.(config.baseUrl, path) !== false,
    isForwarded: forwardedHeaders([...shape.forwardHeaders, ...config.forwardHeaders]),
    claims: config.models.length === 0 ? () => false : globs(config.models),
  }
}

/** The providers that a path can mean, in the order of the config. */
export function speakersOf(upstreams: readonly Upstream[], { shape, provider }: Route): readonly Upstream[] {
  return upstreams.filter((upstream) => upstream.shape === shape && (provider === undefined || upstream.name === provider))
}

/**
 * The provider of a call and its model's one name: the provider in the path, else the one before the slash of
 * `provider/model`, else the first that claims the model, else the first of the path's API.
 * @throws GatewayError invalid_request where no provider speaks this API
 */
export function chooseTarget(upstreams: readonly Upstream[], route: Route, model: string): Target {
  const speaks = ({ shape }: Upstream) => shape === route.shape
  const named = (name: string) => upstreams.find((upstream) => speaks(upstream) && upstream.name === name)
  const inPath = route.provider === undefined ? undefined : named(route.provider)
  const slash = model.indexOf('/')
  const inModel = slash > 0 ? named(model.slice(0, slash)) : undefined
  if (inModel !== undefined && (inPath === undefined || inPath === inModel)) return { upstream: inModel, model: model.slice(slash + 1) }
  const upstream = inPath ?? upstreams.find((one) => speaks(one) && one.claims(model)) ?? upstreams.find(speaks)
  if (upstream === undefined) throw new GatewayError('invalid_request', `no provider of the config speaks the ${route.shape.api} API`)
  return { upstream, model }
}

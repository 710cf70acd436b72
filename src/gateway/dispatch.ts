import type { HeaderList, Headers } from '../http/header-names.ts'
import type { CallEnd } from './ending.ts'
import { GatewayError } from './gateway-error.ts'
import type { Relay } from './relay.ts'
import type { Route } from './route.ts'
import type { Target, Upstream } from './upstream.ts'

interface Dispatched {
  readonly target: Target
  readonly route: Route
  readonly relay: Relay
  readonly headers: HeaderList
  readonly body: Buffer | null
}

/** The relay hears of everything that goes wrong from here on, also where the credentials can't be had. */
export function dispatch({ target, route, relay, headers, body }: Dispatched): void {
  const { upstream, model } = target
  const { method } = route.endpoint
  const path = upstream.basePath + route.upstreamPath(model === '' ? undefined : model)
  const send = (credentials: Readonly<Record<string, string>>) => {
    // The client's own are not among the headers.
    for (const name in credentials) headers.push(name, credentials[name] ?? '')
    upstream.pool.dispatch({ path, method, headers, body }, relay)
  }
  try {
    const credentials = upstream.authorize({ method, url: () => new URL(path, upstream.origin), headers, body })
    if (credentials instanceof Promise) credentials.then(send).catch((error: unknown) => relay.fail(error))
    else send(credentials)
  } catch (error) {
    relay.fail(error)
  }
}

export function noAnswerError(end: CallEnd & { kind: 'no_answer' }, upstream: Upstream, headers: Headers): GatewayError {
  const { reason } = end
  return end.isTimeout
    ? new GatewayError('upstream_timeout', `the provider "${upstream.name}" did not answer in time (${reason}); nothing was charged`, {
        headers,
      })
    : new GatewayError(
        'upstream_unreachable',
        `the provider "${upstream.name}" can't be reached (${reason}): check its base_url; nothing was charged`,
        { headers },
      )
}

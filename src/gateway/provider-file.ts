import { createInterface } from 'node:readline'
import { InvalidRequest } from '../providers/provider.ts'
import { GatewayError } from './gateway-error.ts'
import type { Upstream } from './upstream.ts'

/** Something at a provider that Bursar asks for itself. */
export interface ProviderFile {
  /** Below the provider's `base_url`. */
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
}

const LINES_PER_TURN = 200

/**
 * Asks a provider with its own credentials.
 * @throws GatewayError upstream_unreachable
 */
export async function askProvider(upstream: Upstream, file: ProviderFile): ReturnType<Upstream['pool']['request']> {
  try {
    return await get(upstream, file)
  } catch (error) {
    const reason = error instanceof Error ? error.message : 'no connection'
    throw new GatewayError('upstream_unreachable', `the provider "${upstream.name}" can't be asked for ${file.path} (${reason})`)
  }
}

async function get(upstream: Upstream, { path, headers: wanted = {} }: ProviderFile): ReturnType<Upstream['pool']['request']> {
  const whole = upstream.basePath + path
  const headers = { ...wanted, 'accept-encoding': 'identity' }
  const credentials = await upstream.authorize({
    method: 'GET',
    url: () => new URL(whole, upstream.origin),
    headers: Object.entries(headers).flat(),
    body: null,
  })
  return await upstream.pool.request({ path: whole, method: 'GET', headers: { ...headers, ...credentials } })
}

/**
 * Reads a file at a provider line by line, without holding all of it or the event loop.
 * @throws InvalidRequest where the provider does not give it; what `take` throws
 */
export async function eachLine(upstream: Upstream, file: ProviderFile, take: (line: string) => void): Promise<void> {
  const { statusCode, body } = await askProvider(upstream, file)
  if (statusCode !== 200) {
    await body.dump()
    throw new InvalidRequest(`the provider "${upstream.name}" answers ${statusCode} when asked for the batch's file`)
  }
  let count = 0
  for await (const line of createInterface({ input: body, crlfDelay: Infinity })) {
    if (line.trim() !== '') take(line)
    if (++count % LINES_PER_TURN === 0) await new Promise((resolve) => setImmediate(resolve))
  }
}

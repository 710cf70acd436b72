import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { Failure } from '../engine/failure.ts'
import type { Io } from './io.ts'

/** A running Bursar, as commands see it. */
export interface Server {
  /** @throws Failure with the server's own words, or saying that there is none */
  readonly get: (path: string) => Promise<unknown>
  readonly post: (path: string, body?: unknown) => Promise<unknown>
}

const local = z.object({ url: z.string(), token: z.string() })
const problem = z.object({ detail: z.string() })

/**
 * The server at BURSAR_URL with BURSAR_TOKEN; without them the one of this machine, which says in its data directory where it is.
 * @throws Failure not_found where neither is there
 */
export function findServer(io: Io, dataDir: string): Server {
  const { url, token } = addressOf(io, dataDir)
  const call = async (method: string, path: string, body?: unknown): Promise<unknown> => {
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
    const payload = body === undefined ? {} : { body: JSON.stringify(body) }
    const response = await io.fetch(`${url}/api/v1/${path}`, { method, headers, ...payload }).catch((error: unknown) => {
      throw new Failure(
        'not_found',
        `no Bursar answers at ${url}: is it running? Start it with "npm start", or set BURSAR_URL and BURSAR_TOKEN`,
        error,
      )
    })
    const answer: unknown = await response.json().catch(() => undefined)
    if (response.ok) return answer
    const said = problem.safeParse(answer)
    throw new Failure('invalid_request', said.success ? said.data.detail : `${url} answered ${response.status}: is this a Bursar?`)
  }
  return { get: (path) => call('GET', path), post: (path, body = {}) => call('POST', path, body) }
}

function addressOf({ env }: Io, dataDir: string): { url: string; token: string } {
  const url = env['BURSAR_URL'] ?? ''
  const token = env['BURSAR_TOKEN'] ?? ''
  if (url !== '' && token !== '') return { url: withoutSlash(url), token }
  const found = readLocal(join(dataDir, 'local.json'))
  if (url !== '' && withoutSlash(url) !== found?.url) {
    // The local token opens the local server; sent elsewhere it would be given away.
    throw new Failure('not_found', `BURSAR_TOKEN is not set: it is the admin token of ${url}`)
  }
  if (found === undefined) {
    throw new Failure(
      'not_found',
      `no Bursar runs from ${dataDir}: start it with "npm start", name its directory with --data-dir, or set BURSAR_URL and BURSAR_TOKEN`,
    )
  }
  return { url: found.url, token: token === '' ? found.token : token }
}

function withoutSlash(url: string): string {
  return url.replace(/\/+$/, '')
}

function readLocal(path: string): z.infer<typeof local> | undefined {
  try {
    return local.parse(JSON.parse(readFileSync(path, 'utf8')))
  } catch {
    return undefined
  }
}

/** The query of a URL, without what is absent. */
export function query(values: Readonly<Record<string, string | undefined>>): string {
  const given = Object.entries(values).flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${encodeURIComponent(value)}`]))
  return given.length === 0 ? '' : `?${given.join('&')}`
}

import type { RedisConfig } from './config.ts'
import type { Reading } from './quantity.ts'

const SENTINEL_SCHEME = 'redis+sentinel:'
const SENTINEL_PORT = 26_379
/** Where a URL of one server may lead: a host, a port, and a database. */
const SERVER = { schemes: ['redis:', 'rediss:'], path: /^\/?\d{0,4}$/ }
/** Redis Cluster has database 0 only. */
const NODE = { schemes: SERVER.schemes, path: /^\/?0?$/ }

export const REDIS_EXPECTED =
  'redis://host:port, rediss://host:port, redis+sentinel://host:port,host:port/masterName, or a list of the URLs of cluster nodes'
export const NODE_EXPECTED = 'the URL of a cluster node such as redis://host:port'

/** Reads the address of a Redis written as one text. Commas part the nodes of a Cluster, or its Sentinels. */
export function readRedis(text: string): Reading<RedisConfig> {
  if (text.startsWith(`${SENTINEL_SCHEME}//`)) return readSentinels(text)
  const urls = text.split(',').map((url) => url.trim())
  const [first = ''] = urls
  if (urls.length === 1) return isServer(first, SERVER) ? ok({ kind: 'single', urls }) : { kind: 'bad', expected: REDIS_EXPECTED }
  if (!urls.every((url) => isServer(url, NODE))) return { kind: 'bad', expected: `${NODE_EXPECTED}, in each part between commas` }
  return haveOneAccess(urls) ? ok({ kind: 'cluster', urls }) : { kind: 'bad', expected: ONE_ACCESS_EXPECTED }
}

/** Reads one node of a Cluster that is written as a list. */
export function readClusterNode(text: string): Reading<string> {
  return isServer(text, NODE) ? ok(text) : { kind: 'bad', expected: NODE_EXPECTED }
}

export const ONE_ACCESS_EXPECTED = 'the same scheme, user and password in all nodes of a cluster'

/** True where all nodes are spoken to in the same way: clients of a Cluster have one way for nodes that they find later. */
export function haveOneAccess(urls: readonly string[]): boolean {
  const access = urls.map((url) => {
    const { protocol, username, password } = new URL(url)
    return JSON.stringify([protocol, username, password])
  })
  return new Set(access).size <= 1
}

/** One address for a service: its Sentinels, each of which knows the primary by the name behind the slash. */
function readSentinels(text: string): Reading<RedisConfig> {
  const expected = 'redis+sentinel://host:port,host:port/masterName'
  const match = /^(?<access>(?:[^@/]*@)?)(?<hosts>[^@/]+)\/(?<name>[\w.-]+)$/.exec(text.slice(`${SENTINEL_SCHEME}//`.length))?.groups
  if (match === undefined) return { kind: 'bad', expected }
  const { access = '', hosts = '', name = '' } = match
  const urls = hosts.split(',').map((host) => `redis://${access}${/:\d+$/.test(host) ? host : `${host}:${SENTINEL_PORT}`}`)
  return urls.every((url) => isServer(url, NODE)) ? ok({ kind: 'sentinel', urls, masterName: name }) : { kind: 'bad', expected }
}

function isServer(text: string, { schemes, path }: { readonly schemes: readonly string[]; readonly path: RegExp }): boolean {
  const url = URL.parse(text)
  if (url === null || !schemes.includes(url.protocol) || /[\s?#,]/.test(text)) return false
  return url.hostname !== '' && url.port !== '0' && path.test(url.pathname) && isDecodable(url)
}

function isDecodable({ username, password }: URL): boolean {
  try {
    decodeURIComponent(username + password)
    return true
  } catch {
    return false
  }
}

function ok<T>(value: T): Reading<T> {
  return { kind: 'ok', value }
}

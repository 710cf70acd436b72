import { Cluster, Command, Redis, type RedisOptions } from 'ioredis'
import { Failure } from '../../engine/failure.ts'
import type { RedisClient, RedisReply, RedisScript, ScriptArguments } from './redis-client.ts'

/** Which Redis (or Valkey) it is. */
export interface RedisAddress {
  readonly kind: 'single' | 'sentinel' | 'cluster'
  /** `redis://` or `rediss://`; those of the sentinels, or of some nodes of the cluster. */
  readonly urls: readonly string[]
  /** What the sentinels call it. */
  readonly masterName?: string
}

/** A store that answers no sooner is as good as gone: calls must not queue up behind it. */
const ANSWER_MS = 2000
const RECONNECT_MAX_MS = 500

/**
 * Connects. It goes on by itself after a connection is lost; until then, and where there is no answer in 2 s, requests fail.
 * @throws Failure store_unavailable where Redis can't be reached
 */
export async function connectRedis(address: RedisAddress): Promise<RedisClient> {
  const redis = address.kind === 'cluster' ? clusterOf(address) : serverOf(address)
  // Without a listener an error of the connection would end the process; each request hears of it by itself.
  redis.on('error', () => undefined)
  try {
    await redis.connect()
  } catch (error) {
    redis.disconnect()
    throw explain(error, address)
  }
  return new IoRedisClient(redis, address)
}

const options = {
  lazyConnect: true,
  protocol: 2,
  enableOfflineQueue: false,
  // Sent again, a step might be done twice: what becomes of a lost answer is decided by whoever asked.
  autoResendUnfulfilledCommands: false,
  maxRetriesPerRequest: 0,
  commandTimeout: ANSWER_MS,
  connectTimeout: ANSWER_MS,
  retryStrategy: (times: number) => Math.min(50 * times, RECONNECT_MAX_MS),
  // A replica that took a primary's place elsewhere: look again for who is the primary.
  reconnectOnError: (error: Error) => error.message.startsWith('READONLY'),
  // Commands that come in one turn are one write.
  enableAutoPipelining: true,
} satisfies RedisOptions

function serverOf({ kind, urls, masterName = 'mymaster' }: RedisAddress): Redis {
  const [first = 'redis://127.0.0.1:6379'] = urls
  if (kind === 'single') return new Redis(first, options)
  const sentinels = urls.map((url) => hostOf(new URL(url)))
  return new Redis({ ...options, ...credentialsOf(new URL(first)), sentinels, name: masterName })
}

function clusterOf({ urls }: RedisAddress): Cluster {
  const nodes = urls.map((url) => hostOf(new URL(url)))
  const { lazyConnect: _, enableOfflineQueue: __, enableAutoPipelining: ___, ...redisOptions } = options
  return new Cluster(nodes, {
    lazyConnect: true,
    enableOfflineQueue: false,
    enableAutoPipelining: true,
    retryDelayOnFailover: 0,
    clusterRetryStrategy: (times) => Math.min(50 * times, RECONNECT_MAX_MS),
    redisOptions: { ...redisOptions, ...credentialsOf(new URL(urls[0] ?? 'redis://127.0.0.1:6379')) },
  })
}

function hostOf({ hostname, port }: URL): { host: string; port: number } {
  return { host: hostname.replace(/^\[(.*)\]$/, '$1'), port: port === '' ? 6379 : Number(port) }
}

function credentialsOf({ protocol, username, password }: URL): Pick<RedisOptions, 'username' | 'password' | 'tls'> {
  return {
    ...(username === '' ? {} : { username: decodeURIComponent(username) }),
    ...(password === '' ? {} : { password: decodeURIComponent(password) }),
    ...(protocol === 'rediss:' ? { tls: {} } : {}),
  }
}

class IoRedisClient implements RedisClient {
  readonly #redis: Redis | Cluster
  readonly #address: RedisAddress

  constructor(redis: Redis | Cluster, address: RedisAddress) {
    this.#redis = redis
    this.#address = address
  }

  async run({ sha, source }: RedisScript, keys: readonly string[], args: ScriptArguments, firstArgs = args): Promise<RedisReply> {
    try {
      return await this.#send('evalsha', sha, keys, args)
    } catch (error) {
      if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw explain(error, this.#address)
    }
    try {
      return await this.#send('eval', source, keys, firstArgs)
    } catch (error) {
      throw explain(error, this.#address)
    }
  }

  /**
   * One server is asked past the automatic pipeline, which costs 50 us a turn (measured; a command alone 58): what calls of one
   * turn ask is one script already. A cluster's sends again what found its node's connection closed.
   */
  async #send(name: 'evalsha' | 'eval', script: string, keys: readonly string[], args: ScriptArguments): Promise<RedisReply> {
    const redis = this.#redis
    if (redis instanceof Cluster) return toReply(await redis[name](script, keys.length, ...keys, ...args))
    return toReply(await redis.sendCommand(new Command(name, [script, keys.length, ...keys, ...args], { replyEncoding: 'utf8' })))
  }

  async call(command: string, ...args: readonly (string | number)[]): Promise<RedisReply> {
    try {
      return toReply(await this.#redis.call(command, ...args))
    } catch (error) {
      throw explain(error, this.#address)
    }
  }

  async close(): Promise<void> {
    this.#redis.disconnect()
  }
}

function toReply(value: unknown): RedisReply {
  if (typeof value === 'number' || typeof value === 'string' || value === null) return value
  if (Array.isArray(value)) return value.map(toReply)
  throw new Failure('store_unavailable', `Redis answers with ${typeof value}: is it a Redis?`)
}

const ADVICE: readonly (readonly [pattern: RegExp, advice: string])[] = [
  [/^OOM/, 'its memory is full: raise maxmemory, or find out why the ledger does not follow'],
  [/^READONLY/, 'it is a replica: point store.redis at the primary, or at the sentinels'],
  [/^NOREPLICAS/, 'too few of its replicas are there (min-replicas-to-write)'],
  [/^LOADING/, 'it is loading its data'],
  [/^MISCONF/, 'it can not write its data to disk: free some space there'],
  [/^NOAUTH|^WRONGPASS/, 'it wants another user or password in store.redis'],
  [/^CLUSTERDOWN|slots/i, 'its cluster has no node for the slot now'],
  [/^ERR .*script|^user_script/, 'a script of Bursar failed there: is it Redis 7 or newer, or Valkey?'],
  [/timed out/i, `it gave no answer in ${ANSWER_MS / 1000} s`],
]

function explain(error: unknown, { urls }: RedisAddress): Failure {
  if (error instanceof Failure) return error
  const reason = error instanceof Error ? error.message : String(error)
  const advice = ADVICE.find(([pattern]) => pattern.test(reason))?.[1] ?? `it can't be reached (${reason})`
  const hosts = urls.map((url) => new URL(url).host).join(', ')
  return new Failure('store_unavailable', `the counters are in Redis at ${hosts}, and ${advice}`, error)
}

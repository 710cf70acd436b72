import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { Redis } from 'ioredis'
import pg from 'pg'
import { type PostgresServer, startPostgres } from '../services/start-postgres.ts'
import { type RedisCluster, startRedisCluster } from '../services/start-redis-cluster.ts'
import { type RedisBehindSentinels, startRedisSentinels } from '../services/start-redis-sentinels.ts'
import { mountSmallDisk, type SmallDisk } from '../services/small-disk.ts'
import { startTcpProxy, type TcpProxy } from '../services/tcp-proxy.ts'
import { remove, tempDir } from './bursar.ts'
import type { StageOptions } from './fault-stage.ts'

export type Undo = () => void | Promise<void>

/** What faults break. */
interface Own {
  /** A server that is killed and cut off, and the way to it. */
  postgres?: { readonly server: PostgresServer; readonly way: TcpProxy }
  /** Loses nodes; has keys as an installation before left them. */
  cluster?: RedisCluster
  /** A primary that is killed, and its Sentinels. */
  sentinels?: RedisBehindSentinels
  /** Is filled. */
  disk?: SmallDisk
}

export const own: Own = {}

/** Ends those that serve more than one fault. */
export async function stopOwn(): Promise<void> {
  await own.postgres?.way.close()
  await own.postgres?.server.stop()
  await own.cluster?.stop()
}

let databases = 0

export async function ownDatabase(): Promise<StageOptions> {
  const server = own.postgres?.server ?? (await startPostgres())
  own.postgres ??= { server, way: await startTcpProxy({ port: server.port }) }
  const client = new pg.Client({ connectionString: server.url })
  await client.connect()
  const name = `matrix-${++databases}`
  await client.query(`CREATE DATABASE ${client.escapeIdentifier(name)}`)
  await client.end()
  return { database: `postgres://tester@127.0.0.1:${own.postgres.way.port}/${name}` }
}

export async function ownCluster(): Promise<StageOptions> {
  own.cluster ??= await startRedisCluster({ nodeTimeoutMs: 2000 })
  const redis = JSON.stringify(own.cluster.urls)
  const watched = own.cluster.nodes[await primaryOfSlot()]
  await onRedis(watched?.url ?? '', 'FLUSHALL')
  return { redis }
}

export async function behindSentinels(onEnd: (undo: Undo) => void): Promise<StageOptions> {
  own.sentinels = await startRedisSentinels({ downAfterMs: 1000 })
  onEnd(own.sentinels.stop)
  return { redis: JSON.stringify(own.sentinels.address) }
}

const SLOT = '{bursar}'

/** Which of the nodes answers for the slot of all keys. */
export async function primaryOfSlot(): Promise<number> {
  const nodes = own.cluster?.nodes ?? []
  for (;;) {
    for (const [at, { url }] of nodes.entries()) {
      const size = await onRedis(url, 'EXISTS', SLOT).catch(() => undefined)
      if (typeof size === 'number') return at
    }
    await delay(100)
  }
}

/** Moves the slot of all keys to another primary, as an operator does: a few keys at a time. */
export async function moveSlot(): Promise<void> {
  const nodes = own.cluster?.nodes ?? []
  const from = nodes[await primaryOfSlot()]
  if (from === undefined) throw new Error('no node has the slot')
  const rows = String(await onRedis(from.url, 'CLUSTER', 'NODES'))
    .trim()
    .split('\n')
    .map((row) => row.split(' '))
  const primaries = rows.filter(([, , flags]) => flags?.includes('master') === true && !flags.includes('fail'))
  const fromId = primaries.find(([, , flags]) => flags?.includes('myself'))?.[0] ?? ''
  const other = primaries.find(([id]) => id !== fromId)
  const to = nodes.find(({ port }) => other?.[1]?.includes(`:${port}@`) === true)
  const slot = Number(await onRedis(from.url, 'CLUSTER', 'KEYSLOT', SLOT))
  if (to === undefined || other === undefined) throw new Error('there is no other primary')
  await onRedis(to.url, 'CLUSTER', 'SETSLOT', slot, 'IMPORTING', fromId)
  await onRedis(from.url, 'CLUSTER', 'SETSLOT', slot, 'MIGRATING', other[0] ?? '')
  for (;;) {
    const keys = (await onRedis(from.url, 'CLUSTER', 'GETKEYSINSLOT', slot, 3)) as string[]
    if (keys.length === 0) break
    await onRedis(from.url, 'MIGRATE', '127.0.0.1', to.port, '', 0, 5000, 'KEYS', ...keys)
  }
  for (const { url } of [to, from]) await onRedis(url, 'CLUSTER', 'SETSLOT', slot, 'NODE', other[0] ?? '')
}

/** One command, past Bursar. */
export async function onRedis(url: string, command: string, ...args: (string | number)[]): Promise<unknown> {
  const redis = new Redis(url, { lazyConnect: true, retryStrategy: null, maxRetriesPerRequest: 0 })
  redis.on('error', () => undefined)
  try {
    await redis.connect()
    return await redis.call(command, ...args)
  } finally {
    redis.disconnect()
  }
}

/** A `data_dir` with little room. */
export async function smallDataDir(onEnd: (undo: Undo) => void): Promise<StageOptions> {
  const dir = tempDir()
  mkdirSync(join(dir, 'data'))
  own.disk = mountSmallDisk('8m', join(dir, 'data'))
  const { unmount } = own.disk
  onEnd(() => {
    unmount()
    remove(dir)
  })
  return { dir }
}

/** A Redis with little room for its files. */
export async function smallRedisDir(onEnd: (undo: Undo) => void): Promise<StageOptions> {
  own.disk = mountSmallDisk('4m')
  onEnd(own.disk.unmount)
  return { redisArgs: ['--dir', own.disk.dir] }
}

/** Makes a process's clock jump whenever it gets SIGUSR2: an hour ahead of the true time, then an hour behind it. */
export const CLOCK_THAT_JUMPS = `data:text/javascript,${encodeURIComponent(`
  const TrueDate = Date, now = Date.now, jumps = [3600e3, -3600e3]
  let ahead = 0
  Date.now = () => now() + ahead
  globalThis.Date = class extends TrueDate { constructor(...parts) { parts.length === 0 ? super(TrueDate.now()) : super(...parts) } }
  process.on('SIGUSR2', () => { ahead = jumps.shift() ?? 0 })
`)}`

import { inject } from 'vitest'
import type { Clock } from '../../src/engine/ports.ts'
import { connectRedis } from '../../src/stores/redis/connect-redis.ts'
import { findProgram, REDIS_SERVER } from '../services/programs.ts'
import { type RedisServer, startRedis } from '../services/start-redis.ts'

/** What a Bursar of a test counts in. */
export interface Topology {
  readonly name: string
  /** Whether several processes may count in it side by side. */
  readonly isShared: boolean
  /** Whether it can't be had here. */
  readonly isMissing: boolean
  readonly open: () => Promise<OpenTopology>
}

export interface OpenTopology {
  /** What follows `data_dir` in the config. */
  readonly store: string
  /** How often the servers behind it had something to read so far. */
  readonly questions: () => Promise<number>
  /** Throws away what stands in it, between two tests. */
  readonly clear: () => Promise<void>
  readonly close: () => Promise<void>
}

/** Asked for so that it is installed where that may be; each test file then starts its own, which it may kill and empty. */
const hasRedis = inject('redisUrl') !== undefined && findProgram(REDIS_SERVER) !== undefined

export const embedded: Topology = {
  name: 'in memory',
  isShared: false,
  isMissing: false,
  open: async () => ({ store: '', questions: async () => 0, clear: async () => undefined, close: async () => undefined }),
}

/** With its server, which a test may kill. */
export interface OpenRedis extends OpenTopology {
  readonly redis: RedisServer
}

export const redisAndSqlite: Omit<Topology, 'open'> & { readonly open: () => Promise<OpenRedis> } = {
  name: 'on Redis',
  isShared: true,
  isMissing: !hasRedis,
  open: async () => {
    const redis = await startRedis()
    return {
      redis,
      store: `, redis: "${redis.url}"`,
      questions: async () => Number(/total_reads_processed:(\d+)/.exec(String(await askRedis(redis.url, 'INFO', 'stats')))?.[1]),
      clear: () => empty(redis.url),
      close: redis.stop,
    }
  },
}

async function empty(url: string): Promise<void> {
  await askRedis(url, 'FLUSHALL')
}

/** One question to that Redis, by a connection of its own. */
export async function askRedis(url: string, command: string, ...args: readonly (string | number)[]) {
  const client = await connectRedis({ kind: 'single', urls: [url] })
  try {
    return await client.call(command, ...args)
  } finally {
    await client.close()
  }
}

/** What time it is only the test says; what is put off until later comes as on any clock. */
export interface MovedClock extends Clock {
  readonly jumpTo: (at: number) => void
}

export function createMovedClock(startsAt: number): MovedClock {
  let at = startsAt
  return {
    now: () => at,
    after: (delayMs, run) => {
      const timer = setTimeout(run, delayMs)
      return () => clearTimeout(timer)
    },
    jumpTo: (time) => {
      at = time
    },
  }
}

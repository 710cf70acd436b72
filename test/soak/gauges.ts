import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { connectRedis } from '../../src/stores/redis/connect-redis.ts'
import { addressOf } from '../prove/installation.ts'
import type { Inspector } from './inspector.ts'

/** What is looked at, in bytes unless it is a count. */
export const GAUGES = ['heap', 'threads', 'buffers', 'rss', 'handles', 'files', 'wal', 'journal', 'ledger', 'redis'] as const

export type Gauge = (typeof GAUGES)[number]

/** An instant of a soak, in which no call is in flight. */
export interface Sample {
  readonly atMs: number
  /** So far. */
  readonly calls: number
  /** NaN: it can't be had here. */
  readonly values: Readonly<Record<Gauge, number>>
}

export interface Watched {
  readonly pid: number
  readonly dataDir: string
  readonly inspector: Inspector
  /** Absent: there is none. */
  readonly redis?: string
}

export async function look({ pid, dataDir, inspector, redis }: Watched): Promise<Sample['values']> {
  // As it is by itself: a collection that was asked for gives some of it back to the system.
  const rss = rssOf(pid)
  const { heap, threads, buffers } = await inspector.kept()
  return {
    heap,
    threads,
    buffers,
    rss,
    handles: (await inspector.resources()).length,
    files: openFilesOf(pid),
    wal: sizeOf(join(dataDir, 'ledger.db-wal')),
    journal: sizeBelow(join(dataDir, 'journal')),
    ledger: sizeOf(join(dataDir, 'ledger.db')),
    redis: redis === undefined ? Number.NaN : await redisBytes(redis),
  }
}

/** proc(5) */
function rssOf(pid: number): number {
  const text = orNothing(() => readFileSync(`/proc/${pid}/status`, 'utf8')) ?? ''
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(text)?.[1] ?? Number.NaN) * 1024
}

function openFilesOf(pid: number): number {
  return orNothing(() => readdirSync(`/proc/${pid}/fd`).length) ?? Number.NaN
}

function sizeOf(path: string): number {
  return orNothing(() => statSync(path).size) ?? 0
}

function sizeBelow(folder: string): number {
  const names = orNothing(() => readdirSync(folder)) ?? []
  return names.reduce((sum, name) => sum + sizeOf(join(folder, name)), 0)
}

function orNothing<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch {
    return undefined
  }
}

/** What its data takes, without its own buffers. */
async function redisBytes(url: string): Promise<number> {
  const client = await connectRedis(addressOf(url))
  try {
    return Number(/used_memory_dataset:(\d+)/.exec(String(await client.call('INFO', 'memory')))?.[1] ?? Number.NaN)
  } finally {
    await client.close()
  }
}

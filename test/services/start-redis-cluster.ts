import { execFile } from 'node:child_process'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import { findProgram, REDIS_CLI } from './programs.ts'
import { canListen, freePort } from './server-process.ts'
import { type RedisServer, startRedis } from './start-redis.ts'

/** A Redis Cluster of the test's own: three primaries, each with a replica. */
export interface RedisCluster {
  readonly urls: readonly string[]
  /** The first three began as primaries. */
  readonly nodes: readonly RedisServer[]
  readonly stop: () => Promise<void>
}

export interface RedisClusterOptions {
  /** How long a node may be silent until the others take it for dead; long unless told, so that a busy machine fails over nothing. */
  readonly nodeTimeoutMs?: number
  /** Further arguments of each node. */
  readonly args?: readonly string[]
}

const NODES = 6
const WHOLE_MS_MAX = 30_000
/** The nodes' own connections use the port that is this far from the clients'. */
const BUS_DISTANCE = 10_000

/**
 * Starts six nodes on 127.0.0.1 and makes a Cluster of them, in which every replica follows its primary.
 * @throws Error where no Redis, or no redis-cli, is installed
 */
export async function startRedisCluster({ nodeTimeoutMs = 15_000, args = [] }: RedisClusterOptions = {}): Promise<RedisCluster> {
  const cli = findProgram(REDIS_CLI)
  if (cli === undefined) throw new Error('redis-cli is not installed')
  const nodeArgs = ['--cluster-enabled', 'yes', '--cluster-node-timeout', String(nodeTimeoutMs), '--repl-diskless-sync-delay', '0', ...args]
  const nodes: RedisServer[] = []
  const stop = async () => {
    await Promise.all(nodes.map((node) => node.stop()))
  }
  try {
    for (const port of await freePorts()) nodes.push(await startRedis({ port, args: nodeArgs }))
    const addresses = nodes.map(({ port }) => `127.0.0.1:${port}`)
    await promisify(execFile)(cli, ['--cluster', 'create', ...addresses, '--cluster-replicas', '1', '--cluster-yes'])
    await Promise.all(nodes.map(({ port }) => untilPartOfWhole(cli, port)))
  } catch (error) {
    await stop()
    throw error
  }
  return { urls: nodes.map(({ url }) => url), nodes, stop }
}

async function freePorts(): Promise<readonly number[]> {
  const ports = new Set<number>()
  const isFree = async (port: number) => (await canListen(port)) && (await canListen(port + BUS_DISTANCE))
  while (ports.size < NODES) ports.add(await freePort(isFree))
  return [...ports]
}

async function untilPartOfWhole(cli: string, port: number): Promise<void> {
  const ask = async (...command: string[]) => (await promisify(execFile)(cli, ['-p', String(port), ...command])).stdout
  const deadline = Date.now() + WHOLE_MS_MAX
  while (!isWhole(await ask('cluster', 'info')) || !isLinked(await ask('info', 'replication'))) {
    if (Date.now() > deadline) throw new Error(`the node at ${port} did not become part of a whole Cluster`)
    await delay(50)
  }
}

function isWhole(info: string): boolean {
  return info.includes('cluster_state:ok') && info.includes(`cluster_known_nodes:${NODES}`)
}

function isLinked(replication: string): boolean {
  return replication.includes('role:slave') ? replication.includes('master_link_status:up') : /connected_slaves:[1-9]/.test(replication)
}

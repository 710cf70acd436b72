import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { findProgram, REDIS_SERVER } from './programs.ts'
import { freePort, type ServerProcess, startServer } from './server-process.ts'
import { type RedisServer, startRedis } from './start-redis.ts'

/** A primary with a replica, and three Sentinels that put the replica in its place when it is gone. */
export interface RedisBehindSentinels {
  /** As the config has it. */
  readonly address: string
  /** The first was the primary at the start. */
  readonly nodes: readonly RedisServer[]
  readonly stop: () => Promise<void>
}

const NAME = 'bursar-main'
const SENTINELS = 3
const QUORUM = 2
/** After twice as long they vote again where they could not agree. */
const FAILOVER_MS = 2000
const WHOLE_MS_MAX = 30_000

/**
 * Starts them on 127.0.0.1.
 * @param downAfterMs how long the primary may be silent until a Sentinel takes it for dead
 * @throws Error where no Redis is installed
 */
export async function startRedisSentinels({ downAfterMs }: { readonly downAfterMs: number }): Promise<RedisBehindSentinels> {
  const program = findProgram(REDIS_SERVER)
  if (program === undefined) throw new Error('redis-server is not installed')
  const dir = mkdtempSync(join(tmpdir(), 'bursar-sentinels-'))
  const nodes: RedisServer[] = []
  const sentinels: ServerProcess[] = []
  const stop = async () => {
    await Promise.all(sentinels.map((sentinel) => sentinel.end('SIGKILL')))
    await Promise.all(nodes.map((node) => node.stop()))
    rmSync(dir, { recursive: true, force: true })
  }
  try {
    const primary = await startRedis()
    nodes.push(primary)
    nodes.push(await startRedis({ args: ['--replicaof', '127.0.0.1', String(primary.port), '--repl-diskless-sync-delay', '0'] }))
    const ports: number[] = []
    while (ports.length < SENTINELS) {
      const port = await freePort()
      const conf = join(dir, `${port}.conf`)
      writeFileSync(conf, configOf({ port, dir, primary: primary.port, downAfterMs }))
      sentinels.push(await startServer({ program, args: [conf, '--sentinel'], readyLine: /\+monitor master/, lastSignal: 'KILL' }))
      ports.push(port)
    }
    await Promise.all(ports.map(untilKnowsAll))
    return { address: `redis+sentinel://${ports.map((port) => `127.0.0.1:${port}`).join(',')}/${NAME}`, nodes, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

/** A Sentinel keeps what it learns in its config, so each has a file of its own. */
function configOf({ port, dir, primary, downAfterMs }: { port: number; dir: string; primary: number; downAfterMs: number }): string {
  return `port ${port}
bind 127.0.0.1
protected-mode no
dir ${dir}
sentinel monitor ${NAME} 127.0.0.1 ${primary} ${QUORUM}
sentinel down-after-milliseconds ${NAME} ${downAfterMs}
sentinel failover-timeout ${NAME} ${FAILOVER_MS}
`
}

async function untilKnowsAll(port: number): Promise<void> {
  const sentinel = new Redis(port, '127.0.0.1')
  try {
    const deadline = Date.now() + WHOLE_MS_MAX
    for (;;) {
      const facts = await sentinel.call('SENTINEL', 'MASTER', NAME)
      const row = Array.isArray(facts) ? facts.map(String) : []
      const count = (name: string) => Number(row[row.indexOf(name) + 1])
      if (count('num-slaves') === 1 && count('num-other-sentinels') === SENTINELS - 1) return
      if (Date.now() > deadline) throw new Error(`the Sentinel at ${port} does not know the replica and the other Sentinels`)
      await delay(100)
    }
  } finally {
    sentinel.disconnect()
  }
}

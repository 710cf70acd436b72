import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findProgram, REDIS_SERVER } from './programs.ts'
import { freePort, type ServerProcess, startServer } from './server-process.ts'

/** A Redis of the test's own, with an append-only file that is synced every second. */
export interface RedisServer {
  readonly url: string
  readonly port: number
  /** Of the process that runs now, or ran last. */
  readonly pid: number
  /** Ends it, and throws its data away. */
  readonly stop: () => Promise<void>
  /** Kills it at once; its data stays. */
  readonly kill9: () => Promise<void>
  /** Starts it again at the same port with its data, which is killed first where it runs. */
  readonly restart: () => Promise<void>
}

export interface RedisOptions {
  /** Further arguments, such as `--maxmemory`, `1mb`; they come last, so they win. */
  readonly args?: readonly string[]
  /** A free one unless told. */
  readonly port?: number
}

const TRIES = 5

/**
 * Starts a Redis (or Valkey) on 127.0.0.1, in a directory of its own.
 * @throws Error where none is installed
 */
export async function startRedis({ args = [], port }: RedisOptions = {}): Promise<RedisServer> {
  const program = findProgram(REDIS_SERVER)
  if (program === undefined) throw new Error('redis-server is not installed')
  const dir = mkdtempSync(join(tmpdir(), 'bursar-redis-'))
  const startAt = (at: number) => startServer(redisCommand({ program, dir, port: at, args }))
  const first = port === undefined ? await atAnyPort(startAt) : { port, server: await startAt(port) }
  let { server } = first
  return {
    url: `redis://127.0.0.1:${first.port}`,
    port: first.port,
    get pid() {
      return server.pid
    },
    stop: async () => {
      await server.end('SIGKILL')
      rmSync(dir, { recursive: true, force: true })
    },
    kill9: () => server.end('SIGKILL'),
    restart: async () => {
      await server.end('SIGKILL')
      server = await startAt(first.port)
    },
  }
}

function redisCommand({ program, dir, port, args }: { program: string; dir: string; port: number; args: readonly string[] }) {
  const network = ['--port', String(port), '--bind', '127.0.0.1', '--protected-mode', 'no']
  const storage = ['--dir', dir, '--save', '', '--appendonly', 'yes', '--appendfsync', 'everysec', '--daemonize', 'no']
  return { program, args: [...network, ...storage, ...args], readyLine: /Ready to accept connections/, lastSignal: 'KILL' } as const
}

/** Between the look at a port and its use, another may have taken it. */
async function atAnyPort(startAt: (port: number) => Promise<ServerProcess>): Promise<{ port: number; server: ServerProcess }> {
  for (let tries = 1; ; tries++) {
    const port = await freePort()
    try {
      return { port, server: await startAt(port) }
    } catch (error) {
      if (tries === TRIES || !String(error).includes('Address already in use')) throw error
    }
  }
}

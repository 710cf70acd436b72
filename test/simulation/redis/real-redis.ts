import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'

/** The real thing, to hold the simulated one beside; on a socket in a directory of its own, without a port. */
export interface RealRedis {
  readonly send: (commands: readonly (readonly string[])[]) => Promise<readonly unknown[]>
  readonly stop: () => Promise<void>
}

export const hasRealRedis = spawnSync('redis-server', ['--version']).status === 0

export async function startRealRedis(): Promise<RealRedis> {
  const dir = mkdtempSync(join(tmpdir(), 'bursar-contract-'))
  const socket = join(dir, 'redis.sock')
  const server = spawn('redis-server', ['--port', '0', '--unixsocket', socket, '--dir', dir, '--save', '', '--daemonize', 'no'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.stdout.on('data', (text: Buffer) => {
      if (text.includes('ready to accept connections') || text.includes('Ready to accept connections')) resolve()
    })
  })
  const redis = new Redis({ path: socket, protocol: 2 })
  return {
    send: async (commands) => {
      const pipeline = redis.pipeline()
      for (const [command = '', ...args] of commands) pipeline.call(command, ...args)
      const replies = (await pipeline.exec()) ?? []
      return replies.map(([error, reply]) => error ?? reply)
    },
    stop: async () => {
      redis.disconnect()
      const ended = new Promise((resolve) => server.once('exit', resolve))
      server.kill()
      await ended
      rmSync(dir, { recursive: true, force: true })
    },
  }
}

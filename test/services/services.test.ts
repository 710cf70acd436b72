import { execFileSync } from 'node:child_process'
import { connect } from 'node:net'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, inject, onTestFinished, test } from 'vitest'
import { remove, tempDir } from '../e2e/bursar.ts'
import { findProgram, REDIS_CLI } from './programs.ts'
import { startRedis } from './start-redis.ts'
import { wantedServices } from './wanted-services.ts'

/* That a test finds the service it asked for; what follows from there is the business of the stores. */

const cli = findProgram(REDIS_CLI)
const redis = (url: string, ...command: string[]) =>
  execFileSync(cli ?? '', ['-u', url, ...command], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()

const redisUrl = inject('redisUrl')
const redisClusterUrls = inject('redisClusterUrls')
const postgresUrl = inject('postgresUrl')

describe.skipIf(redisUrl === undefined || cli === undefined)('the Redis of the tests', () => {
  test('answers', () => {
    expect(redis(redisUrl!, 'ping')).toBe('PONG')
  })

  test('one of a test’s own keeps what it said yes to when it is killed, and is gone when it is stopped', async () => {
    const own = await startRedis()
    onTestFinished(() => own.stop())
    const first = own.pid
    expect(redis(own.url, 'set', 'a', '1')).toBe('OK')
    await own.kill9()
    await own.kill9()
    expect(() => redis(own.url, 'ping')).toThrow()
    await own.restart()
    expect(own.pid).not.toBe(first)
    expect(redis(own.url, 'get', 'a')).toBe('1')
    await own.stop()
    expect(() => process.kill(own.pid, 0)).toThrow('ESRCH')
  })
})

describe.skipIf(redisClusterUrls === undefined || cli === undefined)('the Redis Cluster of the tests', () => {
  test('is whole, with a replica for each primary', async () => {
    const [url = ''] = redisClusterUrls!
    expect(redis(url, 'cluster', 'info')).toContain('cluster_slots_ok:16384')
    const count = (role: string) => redis(url, 'cluster', 'nodes').split(new RegExp(`[ ,]${role} `)).length - 1
    // A node hears of what the others are a little later than of the others.
    const poll = { timeout: 20_000 }
    await expect.poll(() => count('master'), poll).toBeGreaterThanOrEqual(3)
    await expect.poll(() => count('slave'), poll).toBeGreaterThanOrEqual(3)
  })
})

describe.skipIf(postgresUrl === undefined)('the PostgreSQL of the tests', () => {
  test('takes connections', async () => {
    const { hostname, port } = new URL(postgresUrl!)
    const socket = connect(Number(port || 5432), hostname)
    onTestFinished(() => void socket.destroy())
    await expect(new Promise((resolve, reject) => socket.once('connect', () => resolve('yes')).once('error', reject))).resolves.toBe('yes')
  })
})

test('a service is wanted by what a test file, or a file it imports, injects', () => {
  const dir = tempDir()
  onTestFinished(() => remove(dir))
  const write = (name: string, text: string) => {
    writeFileSync(join(dir, name), text)
    return join(dir, name)
  }
  write('b.ts', `import './a.test.ts'\nconst url = inject('two')`)
  const a = write('a.test.ts', `import { b } from './b.ts'\nimport './gone.ts'\ninject('three' + x)`)
  expect(wantedServices(['one', 'two', 'three'], [a])).toEqual(new Set(['two']))
})

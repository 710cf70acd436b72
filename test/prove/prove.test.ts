import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import pg from 'pg'
import { describe, expect, inject, onTestFinished, test } from 'vitest'
import { askRedis, redisAndSqlite } from '../e2e/topologies.ts'
import { useDatabases } from '../services/postgres-databases.ts'
import { startRedis } from '../services/start-redis.ts'

const script = new URL('./prove.ts', import.meta.url).pathname

/** As a user runs it. */
async function run(...args: readonly string[]): Promise<{ readonly code: number; readonly lines: readonly string[] }> {
  const ended = await promisify(execFile)(process.execPath, [script, ...args]).then(
    ({ stdout }) => ({ code: 0, text: stdout }),
    (error: { code: number; stdout: string; stderr: string }) => ({ code: error.code, text: error.stdout + error.stderr }),
  )
  return { code: ended.code, lines: ended.text.trim().split('\n') }
}

const SMALL = ['--processes', '3', '--callers', '40', '--seconds', '4']

describe.skipIf(redisAndSqlite.isMissing)('the proof', () => {
  async function ownRedis(): Promise<string> {
    const redis = await startRedis()
    onTestFinished(() => redis.stop())
    return redis.url
  }

  test('holds, with processes killed and cut off, and leaves nothing behind', async () => {
    const redis = await ownRedis()
    await askRedis(redis, 'SET', '{bursar}:about', 'not mine')
    const { code, lines } = await run('--redis', redis, ...SMALL)
    expect(lines.at(-1)).toBe('Proved: no cap was passed, and each call is charged once.')
    expect(code).toBe(0)
    const text = lines.join('\n')
    expect(text).toMatch(/[1-9]\d* processes killed, [1-9]\d* partitions/)
    expect(text).toMatch(/[\d,]+ looks from outside at [\d,]+ accounts, the fullest (?:9\d|100)\.\d %; overshoot: 0 tokens/)
    expect(text).toContain('lost: 0, doubled: 0, wrong: 0')
    expect(await askRedis(redis, 'DBSIZE')).toBe(1)
  })

  describe('with PostgreSQL', () => {
    const database = useDatabases()

    test('holds, in a database that is gone afterwards', async () => {
      const url = await database('proof')
      const { code, lines } = await run('--redis', await ownRedis(), '--database', url, ...SMALL)
      expect([code, lines.at(-1)]).toEqual([0, 'Proved: no cap was passed, and each call is charged once.'])
      const client = new pg.Client({ connectionString: inject('postgresUrl') })
      await client.connect()
      const { rows } = await client.query("SELECT datname FROM pg_database WHERE datname LIKE 'bursar_prove_%'")
      await client.end()
      expect(rows).toEqual([])
    })
  })
})

test('what it can not be run with is said, and nothing is started', async () => {
  const { code, lines } = await run('--seconds', '0')
  expect([code, lines.at(-1)]).toEqual([1, "the proof can't be run: --seconds: expected a whole number from 2 to 600"])
})

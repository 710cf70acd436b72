import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, inject, onTestFinished, test } from 'vitest'
import { connectRedis } from '../../src/stores/redis/connect-redis.ts'
import { addressOf, EVERY_CALL, openInstallation } from './installation.ts'
import { clearKeys } from './throw-away.ts'

const redis = inject('redisUrl') ?? ''

test.skipIf(redis === '')('of a process that was closed nothing is left in the store, and the others count on', async () => {
  const prefix = `{bursar-closed-${randomBytes(6).toString('hex')}}`
  const dataDir = mkdtempSync(join(tmpdir(), 'bursar-test-'))
  onTestFinished(() => rmSync(dataDir, { recursive: true, force: true }))
  onTestFinished(() => clearKeys(redis, prefix))
  const place = { redis, prefix, dataDir, cap: 1000 }
  const [first, second] = [await openInstallation(place), await openInstallation(place)]
  const client = await connectRedis(addressOf(redis))
  onTestFinished(() => client.close())
  const nodes = async () => {
    const keys = await client.call('KEYS', `${prefix}:node:*`)
    return Array.isArray(keys) ? keys.length : 0
  }
  for (const { engine } of [first, second]) await engine.reset(EVERY_CALL, { actor: 'me', reason: 'a test' })
  expect(await nodes()).toBe(2)
  await first.close()
  expect(await nodes()).toBe(1)
  await second.engine.tick()
  const { differences } = await second.diagnose()
  expect(differences).toEqual([])
  await second.close()
  expect(await nodes()).toBe(0)
})

import { randomBytes } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, inject, test } from 'vitest'
import { startCounting } from '../../../test/services/redis-under-test.ts'
import type { Clock } from '../../engine/ports.ts'
import { CountingProcess } from '../contract/counting-process.ts'
import { type RecordedStream, recordStream } from '../contract/recorded-stream.ts'
import { AT, budget } from '../contract/sample-records.ts'
import { connectRedis } from './connect-redis.ts'
import { createKeyNames } from './key-names.ts'
import type { RedisStore } from './open-redis-store.ts'
import type { RedisClient } from './redis-client.ts'

const url = inject('redisUrl')

describe.skipIf(url === undefined)('a store that was made anew', () => {
  const address = { kind: 'single', urls: [url ?? ''] } as const
  const names = createKeyNames(`{bursar-grace-${randomBytes(6).toString('hex')}}`)
  const prefix = names.meta.slice(0, names.meta.indexOf(':'))
  let stream: RecordedStream
  let stores: RedisStore[]
  let client: RedisClient
  let now: number
  const clock: Clock = {
    now: () => now,
    after: (delayMs, run) => {
      const timer = setTimeout(run, delayMs)
      return () => clearTimeout(timer)
    },
  }

  const start = async (): Promise<CountingProcess> => {
    const store = await startCounting(address, { prefix, stream, clock })
    stores.push(store)
    const process = new CountingProcess(store)
    await process.refresh()
    return process
  }

  const empty = async () => {
    for (const name of Object.values(names)) if (typeof name === 'string') await client.call('DEL', name)
    for (const { account } of stream.records.flatMap((record) => (record.kind === 'opened' ? [record] : []))) {
      await client.call('DEL', names.account(account))
    }
  }

  beforeEach(async () => {
    stream = recordStream()
    stores = []
    now = AT
    client = await connectRedis(address)
    await empty()
  })

  afterEach(async () => {
    await empty()
    await Promise.all([...stores, client].map((each) => each.close()))
  })

  test('closes no account before every process had the time to put back its calls, which then wait for them', async () => {
    const [owner, other] = [await start(), await start()]
    await owner.put(budget('global', 1000))
    await owner.call('call-0', 10)
    await other.refresh()
    const { key, period } = await other.standing('global')
    await stores[1]?.ledger.openState()
    await owner.reserve('call-1', { input: 100 })
    await empty()
    await other.access.counters.tend().catch(() => undefined)
    await expect.poll(() => other.access.counters.standings().catch(() => [])).not.toEqual([])
    now = period.endsAt
    expect(await other.access.counters.close(key, now)).toBeUndefined()
    await owner.access.counters.tend().catch(() => undefined)
    await expect.poll(() => owner.holds().catch(() => [])).toEqual(['call-1'])
    expect(await other.standing('global')).toMatchObject({ held: 100, callsInFlight: 1 })
  })
})

import { randomBytes } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, inject, test } from 'vitest'
import { startCounting } from '../../../test/services/redis-under-test.ts'
import { CountingProcess, reported } from '../contract/counting-process.ts'
import { type RecordedStream, recordStream } from '../contract/recorded-stream.ts'
import { AT, budget, ended, held } from '../contract/sample-records.ts'
import { SettableClock } from '../contract/settable-clock.ts'
import { connectRedis } from './connect-redis.ts'
import { storedHold, toStored } from './hold-text.ts'
import { createKeyNames } from './key-names.ts'
import type { RedisStore } from './open-redis-store.ts'
import { type RedisClient, textsOf } from './redis-client.ts'
import type { CountedCall } from './unconfirmed.ts'

const url = inject('redisUrl')

describe.skipIf(url === undefined)('a store that was made anew', () => {
  const address = { kind: 'single', urls: [url ?? ''] } as const
  const names = createKeyNames(`{bursar-grace-${randomBytes(6).toString('hex')}}`)
  const prefix = names.meta.slice(0, names.meta.indexOf(':'))
  let stream: RecordedStream
  let stores: RedisStore[]
  let client: RedisClient
  const clock = new SettableClock(AT)

  /** @param left what an earlier process could not count */
  const start = async (left: readonly CountedCall[] = []): Promise<CountingProcess> => {
    const spool = { append: () => undefined, left: () => left, clear: () => undefined }
    const store = await startCounting(address, { prefix, stream, clock, spool })
    stores.push(store)
    const process = new CountingProcess(store)
    await process.refresh()
    return process
  }

  const empty = async () => {
    for (const name of textsOf(await client.call('KEYS', `${prefix}:*`))) await client.call('DEL', name)
  }

  beforeEach(async () => {
    stream = recordStream()
    stores = []
    clock.at = AT
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
    clock.at = period.endsAt
    expect(await other.access.counters.close(key, clock.at)).toBeUndefined()
    await owner.access.counters.tend().catch(() => undefined)
    await expect.poll(() => owner.holds().catch(() => [])).toEqual(['call-1'])
    expect(await other.standing('global')).toMatchObject({ held: 100, callsInFlight: 1 })
  })

  test('waits for processes that are there already, though the ledger had heard of nothing yet', async () => {
    const { applier, records, unread } = recordStream()
    const apply: RecordedStream['applier']['apply'] = async (batch) => (batch.records.length === 0 ? applier.apply(batch) : undefined)
    stream = { records, unread, applier: { ...applier, apply } }
    await start()
    expect(await client.call('GET', names.meta)).toMatch(/ open$/)
    await empty()
    await start()
    expect(await client.call('GET', names.meta)).toMatch(/ rebuilding$/)
  })

  test('has what ended while it was away as soon as a process has put back what it has', async () => {
    const process = await start()
    await process.put(budget('global', 1000))
    await process.reserve('call-1', { input: 100 })
    await empty()
    await process.settle('call-1', reported(60))
    await expect.poll(() => process.standing('global').catch(() => undefined)).toMatchObject({ used: 60, held: 0 })
  })

  test('tells a call whose account is closed by then as one for which the next had no room', async () => {
    const process = await start()
    await process.put(budget('global', 1000))
    await process.call('call-0', 10)
    const { key, period } = await process.standing('global')
    clock.at = period.endsAt
    await process.access.counters.close(key, clock.at)
    await process.reserve('call-2', { input: 970, at: clock.at })
    const { hold } = held('call-1', ['global'], { amount: 100 })
    const { settlement } = ended('call-1', { amounts: [60] })
    const late = await start([{ hold: toStored(storedHold(hold), hold.expiresAt), settlement }])
    await late.access.counters.tend()
    expect(await late.standing('global')).toMatchObject({ used: 60, held: 970, overrun: 60 })
    expect((await stores[0]?.ledger.openState())?.accounts).toMatchObject([{ used: 60, overrun: 60 }])
  })

  test('has a hold for a call that was admitted from a slice, and the slice holds nothing for it any more', async () => {
    const process = await start()
    await process.put({ ...budget('global', 10_000), enforcement: 'leased' })
    await process.reserve('call-1', { input: 100 })
    await empty()
    await process.access.counters.tend().catch(() => undefined)
    await expect.poll(() => client.call('HEXISTS', names.holds, 'call-1')).toBe(1)
    await process.settle('call-1', reported(60))
    clock.at += 11_000
    for (let i = 0; i < 4; i++) await process.access.counters.tend()
    await process.reserve('call-2', { input: 10 })
    await process.settle('call-2', reported(10))
    for (let i = 0; i < 4; i++) await process.access.counters.tend()
    expect(await process.standing('global')).toMatchObject({ used: 70, held: 0, callsInFlight: 0 })
  })
})

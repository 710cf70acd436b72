import { randomBytes } from 'node:crypto'
import { expect, inject, onTestFinished, test } from 'vitest'
import { startCounting } from '../../../test/services/redis-under-test.ts'
import { CountingProcess, reported } from '../contract/counting-process.ts'
import { recordStream } from '../contract/recorded-stream.ts'
import { AT, budget } from '../contract/sample-records.ts'
import { toCallId } from '../../domain/ids.ts'
import { connectRedis } from './connect-redis.ts'
import { createKeyNames } from './key-names.ts'

const url = inject('redisUrl')

/** Two processes on one store, of which the first has a call in flight. */
async function twoProcesses() {
  const address = { kind: 'single', urls: [url ?? ''] } as const
  const prefix = `{bursar-late-${randomBytes(6).toString('hex')}}`
  const stream = recordStream()
  const stores = [await startCounting(address, { prefix, stream }), await startCounting(address, { prefix, stream })] as const
  const client = await connectRedis(address)
  onTestFinished(async () => void (await Promise.all([client.close(), ...stores.map(({ close }) => close())])))
  const [first, second] = [new CountingProcess(stores[0]), new CountingProcess(stores[1])]
  await first.put(budget('global', 1000))
  await second.refresh()
  await first.reserve('call-1', { input: 100 })
  return { second, client, charged: createKeyNames(prefix).charged }
}

test.skipIf(url === undefined)('a hold that came after its call was counted without it is given back, and charged nothing', async () => {
  const { second, client, charged } = await twoProcesses()
  await client.call('ZADD', charged, AT, 'call-1')
  const lost = { call: toCallId('call-1'), endedAt: AT, ending: 'lost', usage: 'held' } as const
  expect(await second.access.counters.settle(lost)).toBeUndefined()
  expect(await second.standing('global')).toMatchObject({ used: 0, held: 0, callsInFlight: 0 })
  await second.reserve('call-2', { input: 100 })
  await second.settle('call-2', reported(60))
  expect(await second.standing('global')).toMatchObject({ used: 60, held: 0 })
})

test.skipIf(url === undefined)('what is remembered of calls that another process ended is forgotten after its time', async () => {
  const { second, client, charged } = await twoProcesses()
  await client.call('ZADD', charged, Date.now() - 31 * 86_400_000, 'call-old', Date.now() - 86_400_000, 'call-young')
  await second.settle('call-1', reported(60))
  expect(await client.call('ZRANGE', charged, 0, -1)).toEqual(['call-young', 'call-1'])
})

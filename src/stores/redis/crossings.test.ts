import { randomBytes } from 'node:crypto'
import { expect, inject, test } from 'vitest'
import { startCounting } from '../../../test/services/redis-under-test.ts'
import { alertsIn, CountingProcess, reported } from '../contract/counting-process.ts'
import { recordStream } from '../contract/recorded-stream.ts'
import { budget } from '../contract/sample-records.ts'

const url = inject('redisUrl')

test.skipIf(url === undefined)('what a process crossed and died before it judged is told by the next one that starts', async () => {
  const address = { kind: 'single', urls: [url ?? ''] } as const
  const prefix = `{bursar-crossed-${randomBytes(6).toString('hex')}}`
  const stream = recordStream()
  const stores = [await startCounting(address, { prefix, stream }), await startCounting(address, { prefix, stream })]
  const [editor, crosser] = stores.map((store) => new CountingProcess(store))
  await editor!.put(budget('global', 1000))
  await crosser!.refresh()
  await Promise.all(stores.map(({ counters }) => counters.tend()))
  await crosser!.reserve('call-1', { input: 900 })
  await editor!.put(budget('global', 1001))
  await crosser!.settle('call-1', reported(900))
  stores.push(await startCounting(address, { prefix, stream }))
  await stores[2]?.counters.tend()
  await expect.poll(() => alertsIn(stream.records).map(({ threshold }) => threshold)).toEqual([0.8])
  await Promise.all(stores.map(({ close }) => close()))
})

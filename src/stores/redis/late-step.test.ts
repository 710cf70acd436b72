import { randomBytes } from 'node:crypto'
import { expect, inject, onTestFinished, test, vi } from 'vitest'
import { startCounting } from '../../../test/services/redis-under-test.ts'
import { Failure } from '../../engine/failure.ts'
import { CountingProcess, reported } from '../contract/counting-process.ts'
import { type RecordedStream, recordStream } from '../contract/recorded-stream.ts'
import { budget } from '../contract/sample-records.ts'
import type { RedisClient, RedisScript } from './redis-client.ts'
import { SCRIPTS } from './script.ts'

/* What a process sent on a connection that broke may come to Redis when the process is back on another one. */

const url = inject('redisUrl')

/** A network that holds up the next step of a kind, and delivers it when it is told to. */
class HoldingUp {
  #script: RedisScript | undefined
  deliver: () => Promise<unknown> = async () => undefined

  next(script: RedisScript): void {
    this.#script = script
  }

  readonly between = (client: RedisClient): RedisClient => ({
    run: (script, ...rest) => {
      if (script !== this.#script) return client.run(script, ...rest)
      this.#script = undefined
      this.deliver = () => client.run(script, ...rest)
      throw new Failure('store_unavailable', 'the connection broke')
    },
    call: (command, ...args) => client.call(command, ...args),
    close: () => client.close(),
  })
}

async function processThrough(network: HoldingUp, stream: RecordedStream): Promise<CountingProcess> {
  const prefix = `{bursar-late-${randomBytes(6).toString('hex')}}`
  const store = await startCounting({ kind: 'single', urls: [url ?? ''] }, { prefix, stream, between: network.between })
  onTestFinished(store.close)
  return new CountingProcess(store)
}

const isBack = ({ access }: CountingProcess) => vi.waitFor(() => access.counters.tend(), { timeout: 5000, interval: 10 })

test.skipIf(url === undefined)('the end of a call of slices that comes after it was counted otherwise is not counted', async () => {
  const network = new HoldingUp()
  const process = await processThrough(network, recordStream())
  await process.put({ ...budget('global', 10_000), enforcement: 'leased' })
  await process.reserve('call-1', { input: 100 })
  network.next(SCRIPTS.commit)
  await process.settle('call-1', reported(60))
  await isBack(process)
  expect(await process.standing('global')).toMatchObject({ used: 60 })
  await network.deliver()
  expect(await process.standing('global')).toMatchObject({ used: 60 })
})

test.skipIf(url === undefined)('a call that was told that the store is away holds nothing when its request comes late', async () => {
  const network = new HoldingUp()
  const process = await processThrough(network, recordStream())
  await process.put(budget('global', 10_000))
  await process.call('call-0', 10)
  network.next(SCRIPTS.reserve)
  await expect(process.reserve('call-1', { input: 100 })).rejects.toMatchObject({ code: 'store_unavailable' })
  await isBack(process)
  await network.deliver()
  expect(await process.standing('global')).toMatchObject({ used: 10, held: 0, callsInFlight: 0 })
})

test.skipIf(url === undefined)('a process that is back stays there when what it sent to come back comes late', async () => {
  const network = new HoldingUp()
  const process = await processThrough(network, recordStream())
  await process.put(budget('global', 10_000))
  network.next(SCRIPTS.reserve)
  await expect(process.reserve('call-1')).rejects.toMatchObject({ code: 'store_unavailable' })
  network.next(SCRIPTS.join)
  await isBack(process)
  await network.deliver()
  expect(await process.reserve('call-2')).toMatchObject({ kind: 'held' })
})

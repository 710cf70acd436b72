import { randomBytes } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, inject, test, vi } from 'vitest'
import { startCounting } from '../../../test/services/redis-under-test.ts'
import { toCallId } from '../../domain/ids.ts'
import { Failure } from '../../engine/failure.ts'
import { CountingProcess, reported } from '../contract/counting-process.ts'
import { type RecordedStream, recordStream } from '../contract/recorded-stream.ts'
import { AT, budget } from '../contract/sample-records.ts'
import { connectRedis } from './connect-redis.ts'
import { createKeyNames } from './key-names.ts'
import type { RedisStore } from './open-redis-store.ts'
import { type RedisClient, type RedisScript, textsOf } from './redis-client.ts'
import { SCRIPTS } from './script.ts'

const url = inject('redisUrl')
const CALL = toCallId('call-1')
const JOB_ENDS_AT = AT + 5000

describe.skipIf(url === undefined)('a call that is left to its provider', () => {
  const address = { kind: 'single', urls: [url ?? ''] } as const
  let prefix: string
  let stream: RecordedStream
  let stores: RedisStore[]
  let client: RedisClient
  /** What does not come through: the script's answer, or nothing at all. */
  let broken: { readonly script: RedisScript | 'all'; readonly isDone: boolean } | undefined

  /** A process whose connection can be broken, unless it is the second. */
  const start = async (onStoreDown: 'refuse' | 'admit' = 'refuse'): Promise<CountingProcess> => {
    const isFirst = stores.length === 0
    const fail = () => new Failure('store_unavailable', 'the connection broke')
    const between = (way: RedisClient): RedisClient => ({
      call: (command, ...args) => (isFirst && broken?.script === 'all' ? Promise.reject(fail()) : way.call(command, ...args)),
      close: () => way.close(),
      run: async (script, keys, args, firstArgs) => {
        const isHit = isFirst && (broken?.script === 'all' || broken?.script === script)
        const reply = isHit && !broken?.isDone ? null : await way.run(script, keys, args, firstArgs)
        if (isHit) throw fail()
        return reply
      },
    })
    const store = await startCounting(address, { prefix, stream, onStoreDown, between })
    stores.push(store)
    const process = new CountingProcess(store)
    await process.refresh()
    return process
  }

  const mend = async ({ access }: CountingProcess) => {
    broken = undefined
    await vi.waitFor(() => access.counters.tend(), { timeout: 5000 })
  }

  beforeEach(async () => {
    prefix = `{bursar-deferrals-${randomBytes(6).toString('hex')}}`
    stream = recordStream()
    stores = []
    broken = undefined
    client = await connectRedis(address)
  })

  afterEach(async () => {
    for (const name of textsOf(await client.call('KEYS', `${prefix}:*`))) await client.call('DEL', name)
    await Promise.all([...stores, client].map((each) => each.close()))
  })

  /** What the store holds, and what comes of it when another process hears from the provider. */
  const settledElsewhere = async (owner: CountingProcess) => {
    const open = await owner.access.counters.holds()
    const told = await (await start()).settle('call-1', reported(40))
    return { open, told, standing: await owner.standing('global') }
  }
  const ONCE = {
    open: [{ call: { id: CALL }, job: 'job-1', expiresAt: JOB_ENDS_AT }],
    told: { charges: [{ amount: 40 }] },
    standing: { used: 40, held: 0, callsInFlight: 0 },
  }

  test.each([false, true])('is so once the store is back, where it was away (done: %s)', async (isDone) => {
    const owner = await start()
    await owner.put(budget('global', 1000))
    await owner.reserve('call-1', { input: 100 })
    broken = { script: SCRIPTS.renew, isDone }
    await owner.access.counters.defer(CALL, 'job-1', JOB_ENDS_AT)
    await mend(owner)
    expect(await settledElsewhere(owner)).toMatchObject(ONCE)
  })

  test('holds what it may use from then on, where it was let in while the store was away', async () => {
    const owner = await start('admit')
    await owner.put(budget('global', 1000))
    await owner.call('call-0', 0)
    broken = { script: 'all', isDone: false }
    await owner.access.counters.tend().catch(() => undefined)
    expect((await owner.reserve('call-1', { input: 100 })).kind).toBe('held')
    await mend(owner)
    await owner.access.counters.defer(CALL, 'job-1', JOB_ENDS_AT)
    expect(await owner.standing('global')).toMatchObject({ held: 100, callsInFlight: 1 })
    expect(await settledElsewhere(owner)).toMatchObject(ONCE)
  })

  test('is told again where the store was emptied before the ledger knew', async () => {
    const owner = await start()
    await owner.put(budget('global', 1000))
    await owner.reserve('call-1', { input: 100 })
    await stores[0]?.ledger.openState()
    await owner.access.counters.defer(CALL, 'job-1', JOB_ENDS_AT)
    await client.call('DEL', createKeyNames(prefix).stream, createKeyNames(prefix).meta)
    await expect(owner.access.counters.tend()).rejects.toThrow()
    await mend(owner)
    expect(await settledElsewhere(owner)).toMatchObject(ONCE)
  })

  test('is not told that it has ended, where it is not known whether that was counted: whoever polls it asks again', async () => {
    const owner = await start()
    const other = await start()
    await owner.put(budget('global', 1000))
    await owner.reserve('call-1', { input: 100 })
    await owner.access.counters.defer(CALL, 'job-1', JOB_ENDS_AT)
    await other.refresh()
    broken = { script: SCRIPTS.settle, isDone: true }
    await expect(owner.settle('call-1', reported(40))).rejects.toThrow('broke')
    await mend(owner)
    expect(await other.settle('call-1', reported(40))).toBeUndefined()
    expect(await owner.standing('global')).toMatchObject({ used: 40, held: 0, callsInFlight: 0 })
  })
})

import { randomBytes } from 'node:crypto'
import { createNaiveLedger } from '../engine/naive-ledger.ts'
import type { Clock, Ledger, OpenState } from '../../src/engine/ports.ts'
import { CHANNEL_NAMES, type CountersUnderTest } from '../../src/stores/contract/counting-process.ts'
import { type RecordedStream, recordStream } from '../../src/stores/contract/recorded-stream.ts'
import { AT } from '../../src/stores/contract/sample-records.ts'
import { connectRedis, type RedisAddress } from '../../src/stores/redis/connect-redis.ts'
import { createKeyNames } from '../../src/stores/redis/key-names.ts'
import { type RedisStore, startRedisCounters } from '../../src/stores/redis/open-redis-store.ts'
import type { RedisClient } from '../../src/stores/redis/redis-client.ts'
import type { Spool } from '../../src/stores/redis/spool.ts'

/** Timers are real, and what time it is stands still: the tests say when something happens. */
const standingClock: Clock = {
  now: () => AT,
  after: (delayMs, run) => {
    const timer = setTimeout(run, delayMs)
    return () => clearTimeout(timer)
  },
}

const noSpool: Spool = { append: () => undefined, left: () => [], clear: () => undefined }

export interface ProcessOptions {
  readonly prefix: string
  readonly stream: RecordedStream
  readonly spool?: Spool
  readonly onStoreDown?: 'refuse' | 'admit'
  readonly clock?: Clock
  readonly onLost?: 'charge' | 'release'
  /** None unless told: what has expired is asked for at instants that the clock does not come to. */
  readonly holdTtlMs?: number
  /** What stands between the process and its Redis. */
  readonly between?: (client: RedisClient) => RedisClient
}

/** A process that counts in that Redis. */
export async function startCounting(address: RedisAddress, options: ProcessOptions): Promise<RedisStore> {
  const {
    prefix,
    stream,
    spool = noSpool,
    onStoreDown = 'refuse',
    clock = standingClock,
    onLost = 'charge',
    holdTtlMs = 0,
    between = (client: RedisClient) => client,
  } = options
  const [client, drainClient] = await Promise.all([connectRedis(address), connectRedis(address)])
  const store = await startRedisCounters({
    client: between(client),
    drainClient,
    names: createKeyNames(prefix),
    clock,
    monotonic: clock.now,
    node: randomBytes(6).toString('hex'),
    spool,
    ledger: ledgerOf(stream),
    applier: stream.applier,
    channelNames: CHANNEL_NAMES,
    onStoreDown,
    onLost,
    holdTtlMs,
    onAlerts: () => undefined,
    onTrouble: () => undefined,
    atTurnEnd: setImmediate,
  })
  const close = async () => {
    await store.close()
    await Promise.all([client.close(), drainClient.close()])
  }
  return { ...store, close }
}

/** A ledger that only knows what is open. */
function ledgerOf(stream: RecordedStream): Ledger {
  const unasked = async (): Promise<never> => Promise.reject(new Error('only what is open is asked for'))
  return {
    openState: () => foldedState(stream),
    usage: unasked,
    closes: unasked,
    alerts: unasked,
    dueDeliveries: unasked,
    audit: unasked,
    objects: unasked,
    ownsObjects: unasked,
    distrusts: unasked,
    differences: unasked,
    bounds: unasked,
    unpriced: unasked,
    call: unasked,
    priceLines: unasked,
    olderCalls: unasked,
    sums: unasked,
    setAside: unasked,
  }
}

async function foldedState({ records }: RecordedStream): Promise<OpenState> {
  const ledger = createNaiveLedger()
  await ledger.append(records)
  return ledger.openState()
}

/** An empty store of its own in that Redis. */
export async function openRedisUnderTest(address: RedisAddress): Promise<CountersUnderTest> {
  const prefix = `{bursar-test-${randomBytes(6).toString('hex')}}`
  const stream = recordStream()
  const opened: RedisStore[] = []
  const start = async (): Promise<CountersUnderTest> => {
    const store = await startCounting(address, { prefix, stream })
    opened.push(store)
    return {
      ...store,
      records: async () => {
        await store.ledger.openState()
        return [...stream.records]
      },
      reopen: start,
      second: start,
      close: async () => {
        await Promise.all(opened.map(({ close }) => close()))
      },
    }
  }
  return start()
}

import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, inject, test, vi } from 'vitest'
import type { LedgerRecord } from '../../domain/record.ts'
import { Failure } from '../../engine/failure.ts'
import { CountingProcess, reported } from '../contract/counting-process.ts'
import { type RecordedStream, recordStream } from '../contract/recorded-stream.ts'
import { AT, budget } from '../contract/sample-records.ts'
import { SettableClock } from '../contract/settable-clock.ts'
import type { StreamBatch } from '../stream-applier.ts'
import type { RedisStore } from './open-redis-store.ts'
import type { RedisClient } from './redis-client.ts'
import { SCRIPTS } from './script.ts'
import type { Spool } from './spool.ts'
import type { CountedCall } from './unconfirmed.ts'
import { startCounting } from '../../../test/services/redis-under-test.ts'

/* Calls of slices, many in an entry, while answers are lost, entries come twice and processes die. */

const url = inject('redisUrl')
const address = { kind: 'single', urls: [url ?? ''] } as const

/** What becomes of the entries that a turn writes: told, lost on the way, or written with the answer lost. */
type Fate = 'told' | 'lost' | 'unanswered'

interface Network {
  fate: Fate
  isDead: boolean
  commits: number
}

function throughThat(network: Network): (client: RedisClient) => RedisClient {
  const broken = () => new Failure('store_unavailable', 'the connection broke')
  const reachable = () => {
    if (network.isDead) throw broken()
  }
  return (client) => ({
    run: async (script, keys, args) => {
      reachable()
      if (script !== SCRIPTS.commit) return client.run(script, keys, args)
      network.commits++
      if (network.fate === 'lost') throw broken()
      const reply = await client.run(script, keys, args)
      if (network.fate === 'unanswered') throw broken()
      return reply
    },
    call: async (command, ...args) => {
      reachable()
      return client.call(command, ...args)
    },
    close: () => client.close(),
  })
}

/** A ledger whose transactions are now and then taken for failed though they were not. */
function forgetful(stream: RecordedStream): RecordedStream {
  let batches = 0
  const apply = async (batch: StreamBatch) => {
    const alerts = await stream.applier.apply(batch)
    if (batches++ % 3 === 1) throw new Failure('store_unavailable', 'the ledger did not answer')
    return alerts
  }
  return { ...stream, applier: { ...stream.applier, apply } }
}

/** What outlives the process. */
function spoolInMemory(): Spool {
  let calls: readonly CountedCall[] = []
  return {
    append: (counted) => (calls = [...calls, counted]),
    left: () => calls,
    clear: () => (calls = []),
  }
}

const SIZE = 25

describe.skipIf(url === undefined)('calls that are told together', () => {
  const clock = new SettableClock(AT)

  interface Setting {
    readonly stream: RecordedStream
    readonly prefix: string
    readonly spool: Spool
    readonly onLost?: 'charge' | 'release'
  }

  const start = async (network: Network, { onLost = 'release', ...setting }: Setting) => {
    const store = await startCounting(address, { ...setting, clock, onLost, between: throughThat(network) })
    const process = new CountingProcess({ ...store })
    await process.refresh()
    return { store, process }
  }

  const newPrefix = () => `{bursar-commits-${randomBytes(6).toString('hex')}}`

  const settled = async ({ counters }: RedisStore) => {
    await vi.waitFor(() => counters.tend(), { timeout: 5000, interval: 10 })
    for (let i = 0; i < 3; i++) await counters.tend()
  }

  const caughtUp = (store: RedisStore) => vi.waitFor(() => store.ledger.openState(), { timeout: 5000, interval: 10 })

  test('each is charged once, whatever answers are lost and whoever dies', async () => {
    const fates = fc.array(fc.constantFrom<Fate>('told', 'told', 'lost', 'unanswered'), { minLength: 1, maxLength: 5 })
    const property = fc.asyncProperty(fates, fc.constantFrom<Fate>('told', 'lost', 'unanswered'), async (turns, last) => {
      const network: Network = { fate: 'told', isDead: false, commits: 0 }
      const stream = forgetful(recordStream())
      const prefix = newPrefix()
      const spool = spoolInMemory()
      const dying = await start(network, { stream, prefix, spool })
      await dying.process.put(
        { ...budget('global', 1_000_000), enforcement: 'leased' },
        { ...budget('team:a', 1_000_000), enforcement: 'leased' },
      )
      const ids: string[] = []
      for (const [turn, fate] of [...turns, last].entries()) {
        await settled(dying.store)
        const calls = Array.from({ length: SIZE }, (_, i) => `call-${turn}-${i}`)
        for (const id of calls) await dying.process.reserve(id, { input: 100 })
        network.fate = fate
        await Promise.all(calls.map((id, i) => dying.process.settle(id, reported(10 + i))))
        network.fate = 'told'
        ids.push(...calls)
      }
      network.isDead = true
      const next = await start({ fate: 'told', isDead: false, commits: 0 }, { stream, prefix, spool })
      await settled(next.store)
      clock.at += 11_000
      await settled(next.store)
      await caughtUp(next.store)
      const ended = callsIn(stream.records)
      expect(ended.toSorted()).toEqual(ids.toSorted())
      const used = ids.length * 10 + (turns.length + 1) * ((SIZE * (SIZE - 1)) / 2)
      for (const id of ['global', 'team:a']) {
        expect(await next.process.standing(id)).toMatchObject({ used, held: 0, callsInFlight: 0 })
      }
      await Promise.all([next.store.close(), dying.store.close()])
    })
    await fc.assert(property, { numRuns: 12, endOnFailure: true })
  }, 60_000)

  test('leave the slice that they were let in from when they are counted late, whoever counts them', async () => {
    const network: Network = { fate: 'told', isDead: false, commits: 0 }
    const [stream, prefix, spool] = [recordStream(), newPrefix(), spoolInMemory()]
    const dying = await start(network, { stream, prefix, spool })
    await dying.process.put({ ...budget('global', 1_000_000), enforcement: 'leased' })
    for (const id of ['call-0', 'call-1']) await dying.process.reserve(id, { input: 100 })
    const { held: slice } = await dying.process.standing('global')
    network.fate = 'lost'
    await dying.process.settle('call-0', reported(60))
    network.isDead = true
    const next = await start({ fate: 'told', isDead: false, commits: 0 }, { stream, prefix, spool })
    await settled(next.store)
    expect(await next.process.standing('global')).toMatchObject({ used: 60, held: slice - 60 })
    await Promise.all([next.store.close(), dying.store.close()])
  })

  test('are not charged again where their process died, and its slice was charged before they are found', async () => {
    const network: Network = { fate: 'told', isDead: false, commits: 0 }
    const [stream, prefix, spool] = [recordStream(), newPrefix(), spoolInMemory()]
    const dying = await start(network, { stream, prefix, spool, onLost: 'charge' })
    await dying.process.put({ ...budget('global', 1_000_000), enforcement: 'leased' })
    await dying.process.reserve('call-0', { input: 100 })
    const { held: slice } = await dying.process.standing('global')
    network.fate = 'lost'
    await dying.process.settle('call-0', reported(60))
    network.isDead = true
    const other = await start({ fate: 'told', isDead: false, commits: 0 }, { stream, prefix, spool: spoolInMemory(), onLost: 'charge' })
    await other.store.counters.tend()
    clock.at += 11_000
    await settled(other.store)
    expect(await other.process.standing('global')).toMatchObject({ used: slice, held: 0 })
    const next = await start({ fate: 'told', isDead: false, commits: 0 }, { stream, prefix, spool, onLost: 'charge' })
    await settled(next.store)
    await caughtUp(next.store)
    expect(await next.process.standing('global')).toMatchObject({ used: slice, held: 0 })
    expect(callsIn(stream.records)).toContain('call-0')
    await Promise.all([next, other, dying].map(({ store }) => store.close()))
  })

  test('share an entry with those that ended in their turn, and while others were on their way', async () => {
    const network: Network = { fate: 'told', isDead: false, commits: 0 }
    const stream = recordStream()
    const { store, process } = await start(network, { stream, prefix: newPrefix(), spool: spoolInMemory() })
    await process.put({ ...budget('global', 1_000_000), enforcement: 'leased' })
    const ids = Array.from({ length: 60 }, (_, i) => `call-${i}`)
    for (const id of ids) await process.reserve(id, { input: 100 })
    const first = ids.slice(0, 20).map((id) => process.settle(id, reported(10)))
    await new Promise(setImmediate)
    const others = ids.slice(20).map((id) => process.settle(id, reported(10)))
    await Promise.all([...first, ...others])
    expect(network.commits).toBe(2)
    await store.ledger.openState()
    expect(callsIn(stream.records).toSorted()).toEqual(ids.toSorted())
    await store.close()
  })
})

/** Those that ended, of which the hold is told before the end. */
function callsIn(records: readonly LedgerRecord[]): readonly string[] {
  const held = new Set<string>()
  return records.flatMap((record) => {
    if (record.kind === 'held') held.add(record.hold.call.id)
    return record.kind === 'ended' && held.has(record.settlement.call) ? [record.settlement.call] : []
  })
}

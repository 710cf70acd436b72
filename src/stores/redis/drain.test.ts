import { randomBytes } from 'node:crypto'
import { afterEach, describe, expect, inject, test } from 'vitest'
import type { LedgerRecord } from '../../domain/record.ts'
import { createManualClock } from '../../../test/engine/manual-clock.ts'
import { recordStream } from '../contract/recorded-stream.ts'
import { AT, opened } from '../contract/sample-records.ts'
import type { StreamApplier } from '../stream-applier.ts'
import { connectRedis } from './connect-redis.ts'
import { Drain } from './drain.ts'
import { createKeyNames } from './key-names.ts'
import type { RedisStore } from './open-redis-store.ts'
import type { RedisReply } from './redis-client.ts'
import { toEntryText } from './stream-entry.ts'
import { startCounting } from '../../../test/services/redis-under-test.ts'

const url = inject('redisUrl')

function audit(id: string, bytes: number): LedgerRecord {
  const entry = { id, at: AT, actor: 'a', action: 'b', target: 'c', reason: '', before: '', after: 'x'.repeat(bytes) }
  return { kind: 'audit', entry }
}

test('what was read of a store before it lost that is not taken in after its counters were made again', async () => {
  const { applier, records } = recordStream()
  let entries: RedisReply = [['1-0', ['l', toEntryText(opened('global'))]]]
  const drainOver = (own: StreamApplier): Drain =>
    new Drain({
      client: { run: async () => ['n1-1', entries], call: async () => 0, close: async () => undefined },
      names: createKeyNames('{test}'),
      clock: createManualClock(0),
      applier: own,
      turn: { isMine: async () => true, pass: async () => undefined },
      openState: async () => ({ budgets: [] }),
      channelNames: [],
      onAlerts: () => undefined,
      onTrouble: () => undefined,
    })
  const { promise: ledgerGoesOn, resolve: goOn } = Promise.withResolvers<void>()
  const { promise: isRead, resolve: read } = Promise.withResolvers<void>()
  const slow = drainOver({
    ...applier,
    apply: async (batch) => {
      read()
      await ledgerGoesOn
      return applier.apply(batch)
    },
  })
  const working = slow.catchUp()
  await isRead
  entries = []
  await drainOver(applier).beginStream({ epoch: 'n2-2', after: '' })
  goOn()
  await working
  expect(records).toEqual([])
  expect(await applier.position()).toEqual({ epoch: 'n2-2', id: '0-0' })
  await expect(drainOver(applier).beginStream({ epoch: 'n3-3', after: '' })).rejects.toMatchObject({ code: 'store_unavailable' })
})

describe.skipIf(url === undefined)('what drains the stream', () => {
  let store: RedisStore | undefined

  afterEach(async () => store?.close())

  test('reads no more at once than comes in time, and all of it in its order', async () => {
    const stream = recordStream()
    const batches: number[] = []
    const { apply } = stream.applier
    const counted = { ...stream.applier, apply: (batch: Parameters<typeof apply>[0]) => (batches.push(batch.records.length), apply(batch)) }
    const prefix = `{bursar-drain-${randomBytes(6).toString('hex')}}`
    store = await startCounting({ kind: 'single', urls: [url ?? ''] }, { prefix, stream: { ...stream, applier: counted } })
    const large = Array.from({ length: 100 }, (_, i) => audit(`large-${i}`, 200_000))
    const small = Array.from({ length: 100 }, (_, i) => audit(`small-${i}`, 10))
    await store.journal.append([...large, ...small])
    await store.ledger.openState()
    const ids = stream.records.flatMap((record) => (record.kind === 'audit' ? [record.entry.id] : []))
    expect(ids).toEqual([...large, ...small].flatMap((record) => (record.kind === 'audit' ? [record.entry.id] : [])))
    expect(Math.max(...batches)).toBeLessThanOrEqual(120)
    expect(batches.length).toBeGreaterThanOrEqual(3)
  })

  test('goes on behind an entry that can not be read, which is set aside as it is', async () => {
    const stream = recordStream()
    const prefix = `{bursar-drain-${randomBytes(6).toString('hex')}}`
    const address = { kind: 'single', urls: [url ?? ''] } as const
    const client = await connectRedis(address)
    store = await startCounting(address, { prefix, stream })
    await store.journal.append([audit('audit-1', 10)])
    const broken = [
      ['h', 'no hold'],
      ['h', '1|1|1|1|{"no": "list"}\t\t'],
      ['l', '{"kind":'],
      ['e', '[]'],
      ['other', 'x'],
    ]
    for (const [name = '', value = ''] of broken) await client.call('XADD', createKeyNames(prefix).stream, '*', name, value)
    await store.journal.append([audit('audit-2', 10)])
    await store.ledger.openState()
    expect(stream.records.flatMap((record) => (record.kind === 'audit' ? [record.entry.id] : [record.kind]))).toEqual([
      'audit-1',
      'audit-2',
    ])
    expect(stream.unread.length).toBeGreaterThanOrEqual(3)
    expect(stream.unread.join(' ')).toContain('no hold')
    await client.close()
  })

  test('shortens no stream that another one took the place of', async () => {
    const stream = recordStream()
    const prefix = `{bursar-drain-${randomBytes(6).toString('hex')}}`
    const names = createKeyNames(prefix)
    const address = { kind: 'single', urls: [url ?? ''] } as const
    const client = await connectRedis(address)
    let isMadeAnew = false
    const apply: StreamApplier['apply'] = async (batch) => {
      const alerts = await stream.applier.apply(batch)
      if (isMadeAnew || batch.records.length === 0) return alerts
      isMadeAnew = true
      await client.call('DEL', names.stream)
      await client.call('HSET', names.about, 'stream', `n2-${AT + 1}`, 'drained', '')
      // The clock was set back: it comes before all that the other one had.
      await client.call('XADD', names.stream, '1-1', 'l', toEntryText(opened('global')))
      return alerts
    }
    store = await startCounting(address, { prefix, stream: { ...stream, applier: { ...stream.applier, apply } } })
    await store.journal.append([audit('audit-1', 10)])
    await expect.poll(() => stream.records.map(({ kind }) => kind)).toEqual(['audit', 'opened'])
    await client.close()
  })
})

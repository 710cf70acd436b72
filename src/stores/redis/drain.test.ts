import { expect, test } from 'vitest'
import { createManualClock } from '../../../test/engine/manual-clock.ts'
import { recordStream } from '../contract/recorded-stream.ts'
import { opened } from '../contract/sample-records.ts'
import type { StreamApplier } from '../stream-applier.ts'
import { Drain } from './drain.ts'
import { createKeyNames } from './key-names.ts'
import type { RedisReply } from './redis-client.ts'
import { toEntryText } from './stream-entry.ts'

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

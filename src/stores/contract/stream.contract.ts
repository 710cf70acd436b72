import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { toCallId } from '../../domain/ids.ts'
import type { LedgerRecord } from '../../domain/record.ts'
import type { StreamApplier, StreamBatch, StreamLedger, StreamPosition } from '../stream-applier.ts'
import { accountOf, alert, AT, called, closed, ended, held, opened } from './sample-records.ts'

const EVER = { from: 0, to: 8_640_000_000_000_000 }
const DAY_MS = 86_400_000
const FIRST: StreamPosition = { epoch: '', id: '0-0' }

/** The place behind that many batches. */
export function placeOf(batch: number): StreamPosition {
  return batch === 0 ? FIRST : { epoch: 'e1', id: `${batch}-0` }
}

/** Batches, one behind the other. */
function batchesOf(records: readonly (readonly LedgerRecord[])[]): readonly StreamBatch[] {
  return records.map((batch, i) => ({ records: batch, from: placeOf(i), next: placeOf(i + 1) }))
}

/** As a process does it: whatever another has applied is not applied again, and what fails is tried again. @returns its new alerts */
export async function drain(applier: StreamApplier, batches: readonly StreamBatch[]): Promise<number> {
  let alerts = 0
  for (;;) {
    const at = await applier.position().catch(() => undefined)
    if (at === undefined) continue
    const batch = batches.find(({ from }) => from.id === at.id)
    if (batch === undefined) return alerts
    alerts += (await applier.apply(batch).catch(() => 0)) ?? 0
  }
}

/** Batches of calls that charge one to the account `global` each, with one alert in every tenth batch. */
export function manyBatches(count: number, calls: number): readonly StreamBatch[] {
  const callsOf = (batch: number) =>
    Array.from({ length: calls }, (_, i) => called(`call-${batch}-${i}`, { charges: { global: 1 } })).flat()
  const alertOf = (batch: number): readonly LedgerRecord[] =>
    batch % 10 === 0 ? [{ kind: 'alerted', alert: alert('global', batch / 10) }] : []
  return batchesOf(Array.from({ length: count }, (_, batch) => [opened('global'), ...callsOf(batch), ...alertOf(batch)]))
}

/**
 * What every ledger keeps whose journal is a stream, and that several processes have open.
 * @param open opens what was stored under that name before, or something empty; also several times at once
 */
export function describeStreamLedger(name: string, open: (store: string) => Promise<StreamLedger>): void {
  describe(`${name} follows a stream`, () => {
    let count = 0
    let store = ''
    let all: StreamLedger[] = []

    const openMore = async (processes: number) => {
      const more = await Promise.all(Array.from({ length: processes }, () => open(store)))
      all.push(...more)
      return more
    }

    beforeEach(() => {
      store = `stream-${++count}`
      all = []
    })
    afterEach(async () => {
      await Promise.all(all.map(({ close }) => close()))
    })

    test('processes that start at once on nothing all find it ready', async () => {
      const more = await openMore(4)
      expect(await Promise.all(more.map(({ applier }) => applier.position()))).toEqual([FIRST, FIRST, FIRST, FIRST])
    })

    test('a batch from another place than where the ledger is changes nothing', async () => {
      const [{ applier, ledger }] = (await openMore(1)) as [StreamLedger]
      const records = [opened('global'), ...called('call-1', { charges: { global: 1 } })]
      expect(await applier.apply({ records, from: placeOf(1), next: placeOf(2) })).toBeUndefined()
      expect(await applier.apply({ records, from: { epoch: 'e1', id: '0-0' }, next: placeOf(2) })).toBeUndefined()
      expect(await ledger.openState()).toMatchObject({ accounts: [] })
      expect(await applier.apply({ records, from: FIRST, next: placeOf(1) })).toBe(0)
      expect(await applier.position()).toEqual(placeOf(1))
      expect(await applier.apply({ records, from: FIRST, next: placeOf(1) })).toBeUndefined()
      expect(await ledger.sums()).toEqual([{ account: accountOf('global'), used: 1, overrun: 0 }])
    })

    test('several processes with the same batches apply each of them once, and each alert is new to one of them', async () => {
      const processes = await openMore(3)
      const batches = manyBatches(40, 25)
      const alerts = await Promise.all(processes.map(({ applier }) => drain(applier, batches)))
      const [{ ledger, applier }] = processes as [StreamLedger]
      expect(alerts.reduce((sum, alertsOfOne) => sum + alertsOfOne)).toBe(4)
      expect(await applier.position()).toEqual(placeOf(40))
      expect(await ledger.sums()).toEqual([{ account: accountOf('global'), used: 1000, overrun: 0 }])
      expect(await ledger.usage({ ...EVER, groupBy: [] })).toMatchObject([{ calls: 1000 }])
      expect(await ledger.alerts({ limit: 9 })).toHaveLength(4)
      expect(await ledger.differences()).toEqual([])
    })

    test('what can not be applied of a batch, or read of the stream, is set aside, and the rest of it is applied', async () => {
      const [{ applier, ledger }] = (await openMore(1)) as [StreamLedger]
      const records = [opened('global'), ...called('call-1', { charges: { unheard: 1 } }), ...called('call-2', { charges: { global: 1 } })]
      const unread = [{ reason: 'no record', text: '["1-1",["x","\0"]]' }]
      expect(await applier.apply({ records, unread, from: FIRST, next: placeOf(1) })).toBe(0)
      expect(await applier.position()).toEqual(placeOf(1))
      expect(await ledger.sums()).toMatchObject([{ used: 1 }])
      expect(await ledger.setAside({ limit: 5 })).toMatchObject({
        count: 2,
        records: [{ kind: 'ended' }, { kind: 'unread', reason: 'no record' }],
      })
      expect(await applier.apply({ records: called('call-3', { charges: { global: 1 } }), from: placeOf(1), next: placeOf(2) })).toBe(0)
      expect(await ledger.differences()).toEqual([])
    })

    test('it knows which calls it has, in flight and ended', async () => {
      const [{ applier }] = (await openMore(1)) as [StreamLedger]
      await applier.apply({ records: [held('call-1'), ...called('call-2')], from: FIRST, next: placeOf(1) })
      const calls = ['call-1', 'call-2', 'call-3'].map(toCallId)
      const known = new Map([
        ['call-1', 'held'],
        ['call-2', 'ended'],
      ])
      expect(await applier.known(calls)).toEqual(known)
      expect(await applier.known([])).toEqual(new Map())
    })

    test('a hold that is read again after its call has ended is not open, nor is its end counted again', async () => {
      const [{ applier, ledger }] = (await openMore(1)) as [StreamLedger]
      const records = [opened('global'), ...called('call-1', { charges: { global: 7 } }), held('call-2')]
      await applier.apply({ records, from: FIRST, next: placeOf(2) })
      await applier.apply({ records: [held('call-1'), held('call-2')], from: placeOf(2), next: placeOf(1) })
      expect((await ledger.openState()).holds.map(({ call }) => call.id)).toEqual(['call-2'])
      expect(await applier.known([toCallId('call-1')])).toEqual(new Map([['call-1', 'ended']]))
      await applier.apply({ records: [ended('call-1', { amounts: [7] })], from: placeOf(1), next: { epoch: 'e2', id: '1-0' } })
      expect(await ledger.sums()).toEqual([{ account: accountOf('global'), used: 7, overrun: 0 }])
      expect(await ledger.differences()).toEqual([])
    })

    test('old calls are dropped by the day, and no sum changes with them', async () => {
      const [{ applier, ledger, retention }] = (await openMore(1)) as [StreamLedger]
      const calls = Array.from({ length: 40 }, (_, i) =>
        called(`call-${i}`, { charges: { global: i, a: 2 * i }, admittedAt: AT - i * (DAY_MS / 4), attributes: { user: `u${i % 3}` } }),
      )
      await applier.apply({ records: [opened('global'), opened('a'), ...calls.flat(), closed('a', 1560)], from: FIRST, next: placeOf(1) })
      const asked = async () => ({
        sums: await ledger.sums(),
        closes: await ledger.closes({ limit: 9 }),
        byUser: await ledger.usage({ ...EVER, groupBy: ['user'] }),
        byDay: await ledger.usage({ ...EVER, groupBy: ['team', 'model'], interval: { kind: 'day', timezone: 'UTC' } }),
        inIndia: await ledger.usage({ ...EVER, groupBy: [], interval: { kind: 'month', timezone: 'Asia/Kolkata' } }),
      })
      const before = await asked()
      // The day of that instant is kept: its calls, and those of the 22 quarters of a day behind it.
      expect(await retention.dropCallsBefore(AT - 5 * DAY_MS)).toBe(40 - 24)
      expect(await asked()).toEqual(before)
      expect(await ledger.differences()).toEqual([])
      expect((await ledger.bounds(0)).reduce((sum, row) => sum + row.calls, 0)).toBe(24)
      expect(await retention.dropCallsBefore(AT - 5 * DAY_MS)).toBe(0)
      // What was admitted before, and comes only now, counts like any call.
      await applier.apply({
        records: [...called('late', { charges: { global: 5 }, admittedAt: AT - 9 * DAY_MS })],
        from: placeOf(1),
        next: placeOf(2),
      })
      expect(await ledger.differences()).toEqual([])
      expect(await retention.dropCallsBefore(AT + 50 * DAY_MS)).toBe(25)
      expect(await ledger.differences()).toEqual([])
      expect((await ledger.sums())[0]?.used).toBe((before.sums[0]?.used ?? 0) + 5)
      expect(await applier.known([toCallId('call-1')])).toEqual(new Map())
      await applier.apply({ records: [ended('call-1', { amounts: [3] })], from: placeOf(2), next: placeOf(3) })
      expect(await ledger.differences()).toEqual([])
    })

    test('calls are dropped while batches are applied, and every sum is right all along', async () => {
      const [one, other] = (await openMore(2)) as [StreamLedger, StreamLedger]
      const batches = manyBatches(30, 50)
      const draining = drain(one.applier, batches)
      let dropped = 0
      while ((await one.applier.position()).id !== '30-0') {
        dropped += await other.retention.dropCallsBefore(AT + 2 * DAY_MS)
        expect(await other.ledger.differences()).toEqual([])
      }
      await draining
      dropped += await other.retention.dropCallsBefore(AT + 2 * DAY_MS)
      expect(dropped).toBe(1500)
      expect(await one.ledger.sums()).toEqual([{ account: accountOf('global'), used: 1500, overrun: 0 }])
      expect(await one.ledger.differences()).toEqual([])
    })
  })
}

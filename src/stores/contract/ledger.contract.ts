import fc from 'fast-check'
import type { LedgerRecord } from '../../domain/record.ts'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Usage } from '../../domain/usage/usage.ts'
import type { Journal, Ledger } from '../../engine/ports.ts'
import { describeExtremes } from './ledger-extremes.contract.ts'
import { describeKeptUsage } from './ledger-usage.contract.ts'
import { callWishes, DAY_MS, naiveUsage, usageQueries } from './naive-usage.contract.ts'
import {
  accountOf,
  alert,
  AT,
  audited,
  budget,
  called,
  closed,
  delivery,
  ended,
  held,
  key,
  OCTOBER,
  opened,
  revised,
} from './sample-records.ts'

/** A journal and the ledger that follows it. */
export interface LedgerUnderTest {
  readonly journal: Journal
  readonly ledger: Ledger
  readonly close: () => Promise<void>
}

const EVER = { from: 0, to: 8_640_000_000_000_000, groupBy: [] }

/**
 * What every pair of a Journal and a Ledger keeps.
 * @param open opens what was stored under that name before, or something empty
 */
export function describeLedger(name: string, open: (store: string) => Promise<LedgerUnderTest>): void {
  describe(`${name} keeps the ledger`, () => {
    let count = 0
    let store = ''
    let under: LedgerUnderTest

    beforeEach(async () => {
      store = `store-${++count}`
      under = await open(store)
    })

    afterEach(() => under.close())

    const reopen = async () => {
      await under.close()
      under = await open(store)
    }

    test('an empty ledger has nothing open and no usage', async () => {
      expect(await under.ledger.openState()).toEqual({ budgets: [], accounts: [], holds: [], keys: [] })
      expect(await under.ledger.usage(EVER)).toEqual([])
      expect(await under.ledger.sums()).toEqual([])
      expect(await under.ledger.differences()).toEqual([])
    })

    test('an answer includes what was appended right before the question, waited for or not', async () => {
      void under.journal.append([opened('global'), held('call-1', ['global'])])
      const first = await under.ledger.openState()
      expect(first.holds.map(({ call }) => call.id)).toEqual(['call-1'])
      void under.journal.append([ended('call-1', { amounts: [10] })])
      expect(await under.ledger.sums()).toEqual([{ account: accountOf('global'), used: 10, overrun: 0 }])
    })

    describeExtremes({ under: () => under, reopen })
    describeKeptUsage({ under: () => under, reopen })

    test('a hold stands until its call has ended, with the time it was renewed to', async () => {
      const hold = held('call-1', ['global'])
      await under.journal.append([opened('global'), hold, held('call-2', ['global'])])
      await under.ledger.openState()
      await under.journal.append([{ kind: 'renewed', call: hold.hold.call.id, expiresAt: AT + 5 }, ended('call-2', { amounts: [4] })])
      await reopen()
      expect((await under.ledger.openState()).holds).toEqual([{ ...hold.hold, expiresAt: AT + 5 }])
    })

    test('a call that its provider works on stands with its job, also where both come in one batch', async () => {
      const first = held('call-1', ['global'])
      const second = held('call-2', ['global'])
      await under.journal.append([opened('global'), first])
      await under.ledger.openState()
      const deferred = [first, second].map(
        ({ hold }) => ({ kind: 'deferred', call: hold.call.id, job: 'batch_1', expiresAt: AT + 9 }) as const,
      )
      await under.journal.append([second, ...deferred])
      await reopen()
      const state = await under.ledger.openState()
      expect(state.holds).toEqual([first, second].map(({ hold }) => ({ ...hold, job: 'batch_1', expiresAt: AT + 9 })))
      await under.journal.append([ended('call-1', { amounts: [4] })])
      expect((await under.ledger.openState()).holds).toHaveLength(1)
    })

    test('a hold of an earlier batch that is renewed and raised in one has both', async () => {
      const call = held('call-1', ['global'])
      const { id } = call.hold.call
      await under.journal.append([opened('global'), call])
      await under.ledger.openState()
      const renewed = { kind: 'renewed', call: id, expiresAt: AT + 5 } as const
      await under.journal.append([renewed, { kind: 'raised', call: id, output: 77, costNanoUsd: 9, amounts: [90] }])
      const charges = call.hold.charges.map(({ account }) => ({ account, amount: 90 }))
      expect((await under.ledger.openState()).holds).toEqual([{ ...call.hold, output: 77, costNanoUsd: 9, charges, expiresAt: AT + 5 }])
    })

    test('a hold that was raised is as large as it was raised to, and what went beyond it is told from there', async () => {
      const call = held('call-1', ['global'])
      await under.journal.append([opened('global'), call])
      await under.ledger.openState()
      await under.journal.append([{ kind: 'raised', call: call.hold.call.id, output: 77, costNanoUsd: 9, amounts: [90] }])
      await reopen()
      const charges = call.hold.charges.map(({ account }) => ({ account, amount: 90 }))
      expect((await under.ledger.openState()).holds).toEqual([{ ...call.hold, output: 77, costNanoUsd: 9, charges }])
      await under.journal.append([ended('call-1', { amounts: [95] })])
      expect(await under.ledger.sums()).toEqual([{ account: accountOf('global'), used: 95, overrun: 5 }])
      expect((await under.ledger.openState()).holds).toEqual([])
    })

    test('a hold that may not outlive a failure is as durable as any record', async () => {
      await under.journal.append([opened('global')])
      await under.journal.appendOrFail(held('call-1', ['global']))
      await reopen()
      expect((await under.ledger.openState()).holds).toHaveLength(1)
    })

    test('closed twice, it is closed; then it takes nothing more, and says so', async () => {
      await under.close()
      await under.close()
      await expect(under.journal.appendOrFail(held('call-1'))).rejects.toMatchObject({ code: 'store_unavailable' })
      await expect(under.ledger.openState()).rejects.toMatchObject({ code: 'store_unavailable' })
      expect(under.journal.trouble()).toBeDefined()
    })

    test('an account has what its calls charged it, and how far each went beyond its own hold', async () => {
      await under.journal.append([opened('a'), opened('b'), held('call-1', ['a', 'b']), held('call-2', ['a', 'b'])])
      await under.ledger.openState()
      await under.journal.append([ended('call-1', { amounts: [25, 10] }), ended('call-2', { amounts: [3, 11] })])
      expect(await under.ledger.sums()).toEqual([
        { account: accountOf('a'), used: 28, overrun: 15 },
        { account: accountOf('b'), used: 21, overrun: 1 },
      ])
      const { accounts } = await under.ledger.openState()
      expect(accounts.map(({ used, overrun }) => [used, overrun])).toEqual([
        [28, 15],
        [21, 1],
      ])
      expect(await under.ledger.differences()).toEqual([])
    })

    test('a call that is ended twice is charged once, whatever the second record says', async () => {
      await under.journal.append([opened('global'), held('call-1', ['global']), ended('call-1', { amounts: [9] })])
      await under.journal.append([ended('call-1', { amounts: [9] })])
      await reopen()
      await under.journal.append([ended('call-1', { amounts: [500], alerts: [alert('global', 0.8)] })])
      expect(await under.ledger.sums()).toEqual([{ account: accountOf('global'), used: 9, overrun: 0 }])
      expect(await under.ledger.usage(EVER)).toMatchObject([{ calls: 1, input: 7, output: 3 }])
      expect(await under.ledger.alerts({ limit: 9 })).toEqual([])
    })

    test('what calls used is compared with what they held, by day and model', async () => {
      const reported = (input: number, output: number): Usage => ({
        kind: 'reported',
        counts: { input: { total: input }, output: { total: output } },
      })
      const attributes = { model: 'm1' }
      await under.journal.append([
        ...called('call-1', { usage: reported(8, 2), attributes }),
        ...called('call-2', { usage: reported(9, 4), attributes }),
        ...called('call-3', {
          usage: { kind: 'estimated', counts: { input: { total: 90 }, output: { total: 90 } }, why: 'a guess' },
          attributes,
        }),
        ...called('call-4', { usage: reported(1, 1), attributes, admittedAt: AT + 86_400_000 }).map(spared),
      ])
      const of = { provider: 'openai', model: 'm1' }
      const [late, early] = await under.ledger.bounds(0)
      expect(late).toMatchObject({ ...of, calls: 1, passed: 0, worstExcess: 0, spared: 1, held: 10, used: 2 })
      expect(early).toMatchObject({ ...of, calls: 2, passed: 1, worstExcess: 3, spared: 0, held: 20, used: 23 })
      expect(late!.day - early!.day).toBe(86_400_000)
      expect(await under.ledger.bounds(AT + 1)).toEqual([late])
    })

    test('models without a price are known by the calls that used something and that no provider put a cost to', async () => {
      const attributes = { model: 'ours' }
      const unpriced = { isUnpriced: true, costNanoUsd: 0, attributes }
      await under.journal.append([
        ...called('call-1', unpriced),
        ...called('call-2', { ...unpriced, admittedAt: AT + 1 }),
        ...called('call-3', { ...unpriced, usage: { kind: 'none' } }),
        ...called('call-4', { ...unpriced, costNanoUsd: 9, attributes: { model: 'theirs' } }),
        ...called('call-5'),
      ])
      expect(await under.ledger.unpriced(0)).toEqual([{ provider: 'openai', model: 'ours', calls: 2, tokens: 20 }])
      expect(await under.ledger.unpriced(AT + 1)).toMatchObject([{ calls: 1 }])
    })

    test('amounts above 1e14 are exact to the last unit', async () => {
      const large = 9_007_199_254_740_000
      await under.journal.append([opened('global'), held('call-1', ['global'], { amount: large })])
      await under.journal.append([ended('call-1', { amounts: [large], costNanoUsd: large })])
      await under.journal.append([held('call-2', ['global'], { amount: 991 }), ended('call-2', { amounts: [991], costNanoUsd: 991 })])
      await reopen()
      expect(await under.ledger.sums()).toEqual([{ account: accountOf('global'), used: Number.MAX_SAFE_INTEGER, overrun: 0 }])
      expect((await under.ledger.openState()).accounts[0]?.used).toBe(Number.MAX_SAFE_INTEGER)
      expect(await under.ledger.usage(EVER)).toMatchObject([{ costNanoUsd: Number.MAX_SAFE_INTEGER }])
      expect(await under.ledger.differences()).toEqual([])
    })

    test('what is open survives as it was: budgets, accounts, keys', async () => {
      await under.journal.append([revised('a', 1), revised('b', 2), revised('a', 3), opened('a'), opened('b', 'ann\n"é')])
      await under.journal.append([key('key-1', 'bsr_aa'), key('key-2', 'bsr_bb'), key('key-1', 'bsr_cc')])
      await under.journal.append([{ kind: 'cut', account: accountOf('a'), endsAt: AT + 1 }, opened('a')])
      await reopen()
      const state = await under.ledger.openState()
      expect(state.budgets).toEqual([budget('a', 3), budget('b', 2)])
      expect(state.keys).toEqual([key('key-1', 'bsr_cc').key, key('key-2', 'bsr_bb').key])
      const unused = { unit: 'tokens', granted: 0, used: 0, overrun: 0, alertedAt: 0 }
      expect(state.accounts).toEqual([
        { ...unused, account: accountOf('a'), budget: 'a', each: null, period: { ...OCTOBER, endsAt: AT + 1 } },
        { ...unused, account: accountOf('b', 'ann\n"é'), budget: 'b', each: 'ann\n"é', period: OCTOBER },
      ])
    })

    test('what a provider keeps stays with whose call made it first, and is found among thousands', async () => {
      const owned = (id: string, key: string, team?: string) => ({ id, key, ...(team === undefined ? {} : { team }), at: AT })
      await under.journal.append([{ kind: 'objects', objects: [owned('o1', 'k1', 'research'), owned('o2', 'k2')] }])
      await under.journal.append([{ kind: 'objects', objects: [owned('o1', 'k2', 'hr')] }])
      const many = Array.from({ length: 1200 }, (_, i) => owned(`m${i}`, 'k3'))
      await under.journal.append([{ kind: 'objects', objects: many }])
      expect(await under.ledger.objects([])).toEqual([])
      expect(await under.ledger.objects(['o1', 'none'])).toEqual([owned('o1', 'k1', 'research')])
      expect(await under.ledger.objects(['o2'])).toEqual([owned('o2', 'k2')])
      expect(await under.ledger.objects(many.map(({ id }) => id))).toHaveLength(1200)
      const owners = await Promise.all(
        [{ key: 'k1' }, { key: 'none', team: 'research' }, { key: 'none', team: 'hr' }, { key: 'none', team: '' }].map((owner) =>
          under.ledger.ownsObjects(owner),
        ),
      )
      expect(owners).toEqual([true, true, false, false])
      await under.journal.append([{ kind: 'objects', objects: [{ ...owned('late', 'k1'), at: AT + 500 * 86_400_000 }] }])
      expect((await under.ledger.objects(['o1', 'late'])).map(({ id }) => id)).toEqual(['late'])
    })

    test('of a model that is distrusted, and of one that is trusted again, the latest counts', async () => {
      const distrust = { provider: 'p', model: 'maker/m', output: 900, at: AT, isLifted: false }
      const other = { ...distrust, model: 'other', output: 70 }
      await under.journal.append([{ kind: 'distrust', distrust }])
      await under.journal.append([
        { kind: 'distrust', distrust: other },
        { kind: 'distrust', distrust: { ...distrust, output: 950 } },
        { kind: 'distrust', distrust: { ...distrust, output: 950, isLifted: true } },
      ])
      expect(await under.ledger.distrusts()).toEqual([{ ...distrust, output: 950, isLifted: true }, other])
    })

    test('a close is written once, has the sums of its calls, and its account is open no more', async () => {
      await under.journal.append([opened('a'), opened('b'), held('call-1', ['a', 'b'])])
      await under.journal.append([ended('call-1', { amounts: [12, 5] }), closed('a', 12, 2), closed('b', 5), closed('a', 12, 2)])
      await reopen()
      await under.journal.append([closed('a', 99)])
      const all = await under.ledger.closes({ limit: 9 })
      expect(all).toMatchObject([
        { ...closed('b', 5).close, calls: 1 },
        { ...closed('a', 12, 2).close, calls: 1 },
      ])
      expect(all.map(({ hash }) => hash)).toEqual([expect.stringMatching(/^[0-9a-f]{64}$/), expect.stringMatching(/^[0-9a-f]{64}$/)])
      expect(await under.ledger.closes({ budget: 'a', limit: 9 })).toEqual([all[1]])
      expect(await under.ledger.closes({ limit: 1 })).toEqual([all[0]])
      expect((await under.ledger.openState()).accounts).toEqual([])
      expect(await under.ledger.differences()).toEqual([])
    })

    test('a close that contradicts the calls is written with the sum of the calls, and that is on record', async () => {
      await under.journal.append([opened('a'), held('call-1', ['a']), ended('call-1', { amounts: [7] }), closed('a', 8)])
      expect(await under.ledger.closes({ limit: 1 })).toMatchObject([{ used: 7 }])
      const [entry] = await under.ledger.audit({ limit: 1 })
      expect(entry).toMatchObject({ action: 'ledger-difference', target: accountOf('a') })
      expect(JSON.parse(entry?.before ?? '')).toEqual({ used: 8, overrun: 0 })
      expect(await under.ledger.differences()).toEqual([])
    })

    test('an alert is stored once per account and threshold, and owes one delivery to each of its channels', async () => {
      const first = alert('a', 0.8, ['slack', 'email'])
      await under.journal.append([opened('a'), held('call-1', ['a'])])
      await under.journal.append([ended('call-1', { amounts: [1], alerts: [first] })])
      await under.journal.append([
        { kind: 'alerted', alert: first },
        { kind: 'alerted', alert: { ...first, id: 'another' } },
      ])
      await under.journal.append([
        { kind: 'alerted', alert: alert('a', 1) },
        { kind: 'alerted', alert: first },
      ])
      await reopen()
      const pending = { state: 'pending', attempts: 0, nextAt: AT, lastError: '' }
      expect(await under.ledger.alerts({ limit: 9 })).toEqual([
        { alert: alert('a', 1), deliveries: [{ ...pending, channel: 'slack' }] },
        {
          alert: first,
          deliveries: [
            { ...pending, channel: 'email' },
            { ...pending, channel: 'slack' },
          ],
        },
      ])
      expect(await under.ledger.alerts({ limit: 1 })).toHaveLength(1)
      expect((await under.ledger.openState()).accounts[0]?.alertedAt).toBe(1)
    })

    test('a delivery is due until it is delivered or dead, and after a failure not before its time', async () => {
      const sent = alert('a', 0.8, ['email', 'ops', 'slack'])
      await under.journal.append([{ kind: 'alerted', alert: sent }])
      const due = async (at: number, limit = 9) =>
        (await under.ledger.dueDeliveries(at, limit)).map(({ channel, attempts }) => `${channel} ${attempts}`)
      expect(await due(AT - 1)).toEqual([])
      expect(await due(AT)).toEqual(['email 0', 'ops 0', 'slack 0'])
      expect(await due(AT, 2)).toEqual(['email 0', 'ops 0'])
      await under.journal.append([delivery(sent, 'delivered', { channel: 'email' }), delivery(sent, 'dead', { channel: 'ops' })])
      await under.journal.append([delivery(sent, 'retry', { nextAt: AT + 60_000 })])
      await reopen()
      expect(await due(AT + 59_999)).toEqual([])
      expect(await due(AT + 60_000)).toEqual(['slack 1'])
      expect((await under.ledger.dueDeliveries(AT + 60_000, 1))[0]?.alert).toEqual(sent)
      expect((await under.ledger.alerts({ limit: 1 }))[0]?.deliveries).toEqual([
        { channel: 'email', state: 'delivered', attempts: 1, nextAt: 0, lastError: '' },
        { channel: 'ops', state: 'dead', attempts: 1, nextAt: 0, lastError: 'it answered 500' },
        { channel: 'slack', state: 'pending', attempts: 1, nextAt: AT + 60_000, lastError: 'it answered 500' },
      ])
    })

    test('audit entries come newest first, each once', async () => {
      await under.journal.append([audited('entry-1'), audited('entry-2'), audited('entry-1')])
      expect(await under.ledger.audit({ limit: 9 })).toEqual([audited('entry-2').entry, audited('entry-1').entry])
      expect(await under.ledger.audit({ limit: 1 })).toEqual([audited('entry-2').entry])
    })

    test('usage can only be grouped by attributes that exist, and split in zones that exist', async () => {
      await under.journal.append([...called('call-1')])
      await expect(under.ledger.usage({ ...EVER, groupBy: ['colour'] })).rejects.toMatchObject({ code: 'invalid_request' })
      const interval = { kind: 'day', timezone: 'Mars/Olympus' } as const
      await expect(under.ledger.usage({ ...EVER, interval })).rejects.toMatchObject({ code: 'invalid_request' })
    })

    test('usage is the plain sum of the calls, for any range, groups, interval and time zone', async () => {
      const calls = fc.sample(callWishes, { numRuns: 400, seed: 11 })
      await under.journal.append(calls.flatMap((wish, i) => called(`call-${i}`, wish)))
      await fc.assert(
        fc.asyncProperty(usageQueries, async (query) => {
          expect(await under.ledger.usage(query)).toEqual(naiveUsage(calls, query))
        }),
        { numRuns: 150 },
      )
      expect(await under.ledger.differences()).toEqual([])
    })

    test('usage over months is, too, however late calls come', async () => {
      const admittedAt = fc.integer({ min: AT - 70 * DAY_MS, max: AT + 40 * DAY_MS })
      const calls = fc.sample(
        fc.tuple(callWishes, admittedAt).map(([wish, at]) => ({ ...wish, admittedAt: at })),
        { numRuns: 240, seed: 5 },
      )
      for (const [i, wish] of calls.entries()) {
        await under.journal.append([...called(`call-${i}`, wish)])
        if (i % 40 === 0) await under.ledger.openState()
      }
      const queries = fc.tuple(usageQueries, admittedAt, fc.integer({ min: 0, max: 80 * DAY_MS })).map(([query, from, length]) => ({
        ...query,
        from,
        to: from + length,
        ...(query.interval === undefined ? {} : { interval: { ...query.interval, kind: 'month' as const } }),
      }))
      await fc.assert(
        fc.asyncProperty(queries, async (query) => {
          expect(await under.ledger.usage(query)).toEqual(naiveUsage(calls, query))
        }),
        { numRuns: 60 },
      )
      expect(await under.ledger.differences()).toEqual([])
    })
  })
}

function spared(record: LedgerRecord): LedgerRecord {
  return record.kind === 'held' ? { ...record, hold: { ...record.hold, isSpared: true } } : record
}

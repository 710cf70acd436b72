import fc from 'fast-check'
import { expect, test } from 'vitest'
import { AMOUNT_MAX } from '../../domain/amount.ts'
import type { LedgerRecord } from '../../domain/record.ts'
import type { LedgerUnderTest } from './ledger.contract.ts'
import { accountOf, AT, called, closed, opened, revised } from './sample-records.ts'

const EVER = { from: 0, to: 8_640_000_000_000_000 }

/** What a ledger makes of records that say too much, or what can't be. */
export function describeExtremes({ under, reopen }: { readonly under: () => LedgerUnderTest; readonly reopen: () => Promise<void> }): void {
  test('a sum that leaves the safe integers is full: it is read, closed and compared as any other', async () => {
    const usage = { kind: 'reported', counts: { input: { total: AMOUNT_MAX }, output: { total: AMOUNT_MAX } } } as const
    const call = (id: string) => called(id, { charges: { global: AMOUNT_MAX }, usage, costNanoUsd: AMOUNT_MAX })
    await under().journal.append([opened('global'), ...call('call-1')])
    await under().ledger.openState()
    await under().journal.append([...call('call-2'), ...call('call-3')])
    expect((await under().ledger.openState()).accounts).toMatchObject([{ used: AMOUNT_MAX }])
    expect(await under().ledger.sums()).toMatchObject([{ used: AMOUNT_MAX }])
    for (const groupBy of [[], ['model'], ['team', 'model']]) {
      expect(await under().ledger.usage({ ...EVER, groupBy })).toMatchObject([{ calls: 3, input: AMOUNT_MAX, costNanoUsd: AMOUNT_MAX }])
    }
    await under().journal.append([closed('global', AMOUNT_MAX)])
    expect(await under().ledger.closes({ limit: 10 })).toMatchObject([{ used: AMOUNT_MAX, calls: 3 }])
    expect(await under().ledger.differences()).toEqual([])
  })

  test('a record that can not be applied is set aside with why, and all the others are applied', async () => {
    const records = [
      revised('global'),
      opened('global'),
      ...called('call-1', { charges: { global: 4 } }),
      closed('never opened', 7),
      ...called('call-2', { charges: { global: 5 } }),
    ]
    await under().journal.append(records)
    expect(await under().ledger.sums()).toEqual([{ account: accountOf('global'), used: 9, overrun: 0 }])
    const aside = await under().ledger.setAside({ limit: 10 })
    expect(aside).toMatchObject({ count: 1, records: [{ kind: 'closed', record: JSON.stringify(closed('never opened', 7)) }] })
    expect(aside.records[0]?.reason).toContain('the account of a close was opened')
    await reopen()
    await under().journal.append([closed('another', 1), ...called('call-3', { charges: { global: 1 } })])
    expect(await under().ledger.setAside({ limit: 1 })).toMatchObject({
      count: 2,
      records: [{ record: JSON.stringify(closed('another', 1)) }],
    })
    expect(await under().ledger.sums()).toMatchObject([{ used: 10 }])
    expect(await under().ledger.differences()).toEqual([])
  })

  test('accounts that the database can not keep apart do not stop it when they are closed', async () => {
    const broken = ['\uD800', '\uD801'].map((each) => {
      const { account, ...rest } = opened('per-model', each) as Extract<LedgerRecord, { kind: 'opened' }>
      const { close } = closed('per-model', 0)
      return {
        opened: { account, ...rest },
        closed: { kind: 'closed', close: { ...close, account, each } } as const,
      }
    })
    await under().journal.append([opened('global'), ...broken.map((one) => one.opened)])
    await under().ledger.openState()
    await under().journal.append([...broken.map((one) => one.closed), ...called('call-1', { charges: { global: 5 } })])
    expect(await under().ledger.sums()).toContainEqual({ account: accountOf('global'), used: 5, overrun: 0 })
    await reopen()
    await under().journal.append(called('call-2', { charges: { global: 6 } }))
    expect(await under().ledger.sums()).toContainEqual({ account: accountOf('global'), used: 11, overrun: 0 })
  })

  test('whatever records can not be applied, the others are applied as if they had never been', async () => {
    await under().journal.append([opened('global')])
    const places = fc.array(fc.tuple(fc.boolean(), fc.boolean()), { minLength: 1, maxLength: 12 })
    let used = 0
    let bad = 0
    let nr = 0
    await fc.assert(
      fc.asyncProperty(places, async (calls) => {
        const records: LedgerRecord[] = []
        for (const [isBadBefore, isBadAfter] of calls) {
          const at = ++nr
          if (isBadBefore) records.push(closed(`none-${at}`, 1))
          records.push(...called(`many-${at}`, { charges: { global: at } }))
          if (isBadAfter) records.push({ kind: 'cut', account: accountOf(`none-${at}`), endsAt: AT })
          bad += Number(isBadBefore) + Number(isBadAfter)
          used += at
        }
        await under().journal.append(records)
        expect(await under().ledger.sums()).toEqual([{ account: accountOf('global'), used, overrun: 0 }])
        expect((await under().ledger.setAside({ limit: 1 })).count).toBe(bad)
      }),
      { numRuns: 15 },
    )
    expect(await under().ledger.differences()).toEqual([])
  })
}

import { expect, test } from 'vitest'
import { alertsIn, reported } from './counting-process.ts'
import type { Bench } from './counters.contract.ts'
import { accountOf, AT, budget, OCTOBER } from './sample-records.ts'

/** That an alert fires once per account and threshold, in the record of what crossed it. */
export function describeAlerts({ under, process, restart }: Bench): void {
  const thresholds = async () => alertsIn(await under().records()).map(({ threshold }) => threshold)

  test('of several thresholds that one call crosses, the highest fires, and the others never', async () => {
    await process().put({ ...budget('global', 100), alertAt: [0.5, 0.8, 0.9] })
    await process().call('call-1', 49)
    expect(await thresholds()).toEqual([])
    await process().call('call-2', 36)
    expect(await thresholds()).toEqual([0.8])
    expect(await process().standing('global')).toMatchObject({ alertedAt: 0.8, alertDueAt: 90 })
    await process().call('call-3', 4)
    await restart()
    await process().call('call-4', 1)
    expect(await thresholds()).toEqual([0.8, 0.9])
    await process().call('call-5', 10)
    await process().call('call-6', 10)
    expect(await thresholds()).toEqual([0.8, 0.9, 1])
  })

  test('the alert stands in the record of the settlement that crossed it, with all that a message says', async () => {
    await process().put({ ...budget('global', 100), channels: ['slack', 'gone'], ownerEmail: 'ann@example.com' })
    await process().reserve('call-1', { input: 85 })
    await process().settle('call-1', reported(85), { endedAt: AT + 7 })
    const record = (await under().records()).findLast(({ kind }) => kind === 'ended')
    expect(record).toMatchObject({ settlement: { call: 'call-1' } })
    expect(record?.kind === 'ended' ? record.alerts : []).toEqual([
      {
        id: `alert-global-${OCTOBER.startsAt}-0.8`,
        at: AT + 7,
        account: accountOf('global'),
        budget: 'global',
        name: 'The budget global',
        each: null,
        unit: 'tokens',
        threshold: 0.8,
        used: 85,
        limit: 100,
        isHardCap: true,
        period: OCTOBER,
        ownerEmail: 'ann@example.com',
        channels: ['slack'],
      },
    ])
  })

  test('a call that crosses in two accounts alerts both, an account of each value for itself', async () => {
    await process().put(budget('global', 100), { ...budget('per-user', 50), each: 'user' })
    await process().call('call-1', 45, { accounts: [['global'], ['per-user', 'ann']] })
    await process().call('call-2', 45, { accounts: [['global'], ['per-user', 'bob']] })
    const fired = alertsIn(await under().records()).map(({ budget, each, threshold }) => [budget, each, threshold])
    expect(fired).toEqual([
      ['per-user', 'ann', 0.8],
      ['global', null, 0.8],
      ['per-user', 'bob', 0.8],
    ])
  })

  test('a refusal for what is used says once that the account is exhausted, below the limit too', async () => {
    await process().put(budget('global', 100))
    await process().call('call-1', 70)
    expect((await process().reserve('call-2', { input: 31 })).kind).toBe('refused')
    expect((await process().reserve('call-3', { input: 31 })).kind).toBe('refused')
    expect(await process().standing('global')).toMatchObject({ alertedAt: 1, used: 70 })
    const alerts = alertsIn(await under().records())
    expect(alerts).toMatchObject([{ threshold: 1, used: 70, limit: 100, at: AT, channels: ['email', 'slack'] }])
    await restart()
    expect((await process().reserve('call-4', { input: 31 })).kind).toBe('refused')
    await process().call('call-5', 30)
    expect(await thresholds()).toEqual([1])
  })

  test('a refusal for what others hold alerts nobody, nor does one that is not the last word', async () => {
    await process().put(budget('global', 100))
    await process().reserve('call-1', { input: 70 })
    expect(await process().reserve('call-2', { input: 31 })).toMatchObject({ kind: 'refused', isBlockedByHolds: true })
    await process().settle('call-1', reported(70))
    expect((await process().reserve('call-3', { input: 31, isTrial: true })).kind).toBe('refused')
    expect(await thresholds()).toEqual([])
    expect(await process().standing('global')).toMatchObject({ alertedAt: 0 })
  })

  test('an edited limit judges anew what comes, and fires nothing again', async () => {
    await process().put({ ...budget('global', 100), alertAt: [0.8, 0.9] })
    await process().call('call-1', 85)
    await process().put({ ...budget('global', 1000), alertAt: [0.8, 0.9] })
    expect(await process().standing('global')).toMatchObject({ used: 85, alertedAt: 0.8, alertDueAt: 900 })
    await process().call('call-2', 775)
    expect(await thresholds()).toEqual([0.8])
    await process().call('call-3', 50)
    expect(await thresholds()).toEqual([0.8, 0.9])
    await process().put({ ...budget('team:a', 1000), alertAt: [0.5] })
    await process().call('call-4', 90, { accounts: [['team:a']] })
    await process().put({ ...budget('team:a', 120), alertAt: [0.5] })
    expect(await thresholds()).toEqual([0.8, 0.9])
    await process().call('call-5', 1, { accounts: [['team:a']] })
    expect(alertsIn(await under().records()).at(-1)).toMatchObject({ budget: 'team:a', threshold: 0.5, used: 91, limit: 120 })
  })

  test('what ends without use crosses nothing', async () => {
    await process().put({ ...budget('global', 100), alertAt: [0.01] })
    await process().reserve('call-1', { input: 100 })
    await process().settle('call-1', { kind: 'none' }, { ending: 'provider_error' })
    expect(await thresholds()).toEqual([])
  })
}

import { expect, test } from 'vitest'
import { alertsOf, reported } from './counting-process.ts'
import type { Bench } from './counters.contract.ts'
import { accountOf, AT, budget, OCTOBER } from './sample-records.ts'

/** A process tells what another left behind once it looks, which it does every second. */
const TOLD_MS_MAX = 10_000

/**
 * That an alert fires once per account and threshold. What crosses it latches it in the same step; the alert itself may follow in
 * a record of its own, also where the process is killed in between.
 */
export function describeAlerts({ under, process, restart }: Bench): void {
  const alerts = () => alertsOf(under())
  const thresholds = async () => (await alerts()).map(({ threshold }) => threshold)
  const expectThresholds = (...told: readonly number[]) => expect.poll(thresholds, { timeout: TOLD_MS_MAX }).toEqual(told)

  test('of several thresholds that one call crosses, the highest fires, and the others never', async () => {
    await process().put({ ...budget('global', 100), alertAt: [0.5, 0.8, 0.9] })
    await process().call('call-1', 49)
    await expectThresholds()
    await process().call('call-2', 36)
    await expectThresholds(0.8)
    expect(await process().standing('global')).toMatchObject({ alertedAt: 0.8, alertDueAt: 90 })
    await process().call('call-3', 4)
    await restart()
    await process().call('call-4', 1)
    await expectThresholds(0.8, 0.9)
    await process().call('call-5', 10)
    await process().call('call-6', 10)
    await expectThresholds(0.8, 0.9, 1)
  })

  test('an alert says all that a message about it says, and follows if the process is killed right behind its call', async () => {
    await process().put({ ...budget('global', 100), channels: ['slack', 'gone'], ownerEmail: 'ann@example.com' })
    await process().reserve('call-1', { input: 85 })
    await process().settle('call-1', reported(85), { endedAt: AT + 7 })
    await restart()
    await expectThresholds(0.8)
    expect(await alerts()).toEqual([
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
    await expectThresholds(0.8, 0.8, 0.8)
    const fired = (await alerts()).map(({ budget, each }) => `${budget} ${each}`)
    expect(fired.toSorted()).toEqual(['global null', 'per-user ann', 'per-user bob'])
  })

  test('a refusal for what is used says once that the account is exhausted, below the limit too', async () => {
    await process().put(budget('global', 100))
    await process().call('call-1', 70)
    expect((await process().reserve('call-2', { input: 31 })).kind).toBe('refused')
    expect((await process().reserve('call-3', { input: 31 })).kind).toBe('refused')
    expect(await process().standing('global')).toMatchObject({ alertedAt: 1, used: 70 })
    await expectThresholds(1)
    expect(await alerts()).toMatchObject([{ used: 70, limit: 100, channels: ['email', 'slack'] }])
    await restart()
    expect((await process().reserve('call-4', { input: 31 })).kind).toBe('refused')
    await process().call('call-5', 30)
    await expectThresholds(1)
  })

  test('a refusal for what others hold alerts nobody, nor does one that is not the last word', async () => {
    await process().put(budget('global', 100))
    await process().reserve('call-1', { input: 70 })
    expect(await process().reserve('call-2', { input: 31 })).toMatchObject({ kind: 'refused', isBlockedByHolds: true })
    await process().settle('call-1', reported(70))
    expect((await process().reserve('call-3', { input: 31, isTrial: true })).kind).toBe('refused')
    await expectThresholds()
    expect(await process().standing('global')).toMatchObject({ alertedAt: 0 })
  })

  test('an edited limit judges anew what comes, and fires nothing again', async () => {
    await process().put({ ...budget('global', 100), alertAt: [0.8, 0.9] })
    await process().call('call-1', 85)
    await process().put({ ...budget('global', 1000), alertAt: [0.8, 0.9] })
    expect(await process().standing('global')).toMatchObject({ used: 85, alertedAt: 0.8, alertDueAt: 900 })
    await process().call('call-2', 775)
    await expectThresholds(0.8)
    await process().call('call-3', 50)
    await expectThresholds(0.8, 0.9)
    await process().put({ ...budget('team:a', 1000), alertAt: [0.5] })
    await process().call('call-4', 90, { accounts: [['team:a']] })
    await process().put({ ...budget('team:a', 120), alertAt: [0.5] })
    await expectThresholds(0.8, 0.9)
    await process().call('call-5', 1, { accounts: [['team:a']] })
    await expectThresholds(0.8, 0.9, 0.5)
    expect((await alerts()).at(-1)).toMatchObject({ budget: 'team:a', used: 91, limit: 120 })
  })

  test('what ends without use crosses nothing', async () => {
    await process().put({ ...budget('global', 100), alertAt: [0.01] })
    await process().reserve('call-1', { input: 100 })
    await process().settle('call-1', { kind: 'none' }, { ending: 'provider_error' })
    expect(await process().standing('global')).toMatchObject({ alertedAt: 0 })
    await expectThresholds()
  })
}

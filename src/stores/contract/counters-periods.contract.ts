import { expect, test } from 'vitest'
import { restart as restartBudget } from '../../domain/budgets/budget.ts'
import { toCallId } from '../../domain/ids.ts'
import { reported } from './counting-process.ts'
import type { Bench } from './counters.contract.ts'
import { accountOf, AT, budget, OCTOBER } from './sample-records.ts'

const HOUR_MS = 3_600_000
/** In the month after the one of `AT`. */
const NEXT_MONTH = OCTOBER.endsAt + HOUR_MS

/** How accounts are opened, end and are closed. */
export function describePeriods({ under, process, restart }: Bench): void {
  const keys = async () => (await under().counters.standings()).map(({ key }) => key)
  const endedKeys = async (at: number) => (await under().counters.ended(at)).map(({ key }) => key)

  test('an account is opened once, by whatever touches it first, and ends with its period', async () => {
    await process().put(budget('global'))
    await under().counters.open(process().ref('global'))
    await under().counters.open(process().ref('global'))
    await process().call('call-1', 10)
    const opened = (await under().records()).filter(({ kind }) => kind === 'opened')
    expect(opened).toEqual([
      { kind: 'opened', account: accountOf('global'), budget: 'global', each: null, unit: 'tokens', period: OCTOBER },
    ])
    expect(await endedKeys(OCTOBER.endsAt - 1)).toEqual([])
    expect(await endedKeys(OCTOBER.endsAt)).toEqual([accountOf('global')])
  })

  test('an account that nothing was used in stands too, also after a restart', async () => {
    await process().put(budget('global'), { ...budget('per-user'), each: 'user' })
    await under().counters.open(process().ref('global'))
    await under().counters.open(process().ref('per-user', 'ann'))
    await restart()
    expect((await keys()).toSorted()).toEqual([accountOf('global'), accountOf('per-user', 'ann')].toSorted())
    expect(await process().standing('per-user', 'ann')).toMatchObject({ used: 0, held: 0, callsInFlight: 0, alertedAt: 0, period: OCTOBER })
  })

  test('a call counts in the period in which it was admitted, however late it ends', async () => {
    await process().put(budget('global', 100))
    await process().reserve('call-1', { input: 60 })
    expect((await process().reserve('call-2', { input: 60, at: NEXT_MONTH })).kind).toBe('held')
    await process().settle('call-1', reported(50), { endedAt: NEXT_MONTH })
    const standings = (await under().counters.standings()).toSorted((a, b) => a.period.startsAt - b.period.startsAt)
    expect(standings.map(({ used, held, period }) => [period.name, used, held])).toEqual([
      ['2026-10', 50, 0],
      ['2026-11', 0, 60],
    ])
  })

  test('a close says what the account was, and takes it away for good', async () => {
    await process().put({ ...budget('per-user', 100), each: 'user', alertAt: [0.5] })
    await process().reserve('call-1', { input: 60, accounts: [['per-user', 'ann']] })
    await process().settle('call-1', reported(70))
    await process().put({ ...budget('per-user', 200), each: 'user', name: 'renamed' })
    const close = await under().counters.close(accountOf('per-user', 'ann'), NEXT_MONTH)
    expect(close).toEqual({
      account: accountOf('per-user', 'ann'),
      budget: 'per-user',
      name: 'renamed',
      each: 'ann',
      unit: 'tokens',
      period: OCTOBER,
      limit: 200,
      granted: 0,
      used: 70,
      overrun: 10,
      closedAt: NEXT_MONTH,
    })
    expect((await under().records()).at(-1)).toEqual({ kind: 'closed', close })
    expect([await keys(), await endedKeys(NEXT_MONTH)]).toEqual([[], []])
    await restart()
    expect(await keys()).toEqual([])
  })

  test('an account that has ended waits for its calls, and says how many', async () => {
    await process().put(budget('global'))
    await process().reserve('call-1')
    await process().reserve('call-2', { input: 0 })
    expect(await under().counters.ended(NEXT_MONTH)).toMatchObject([{ callsInFlight: 2, held: 10 }])
    await process().settle('call-1', reported(10))
    await restart()
    expect(await under().counters.ended(NEXT_MONTH)).toMatchObject([{ callsInFlight: 1, used: 10 }])
    await process().settle('call-2', 'held', { ending: 'lost' })
    expect(await under().counters.close(accountOf('global'), NEXT_MONTH)).toMatchObject({ used: 10 })
  })

  test('closing one account leaves the others and their calls alone', async () => {
    await process().put(budget('global'), budget('team:a'))
    await process().reserve('call-1')
    await process().settle('call-1', reported(10))
    await process().reserve('call-2', { accounts: [['team:a']] })
    await under().counters.close(accountOf('global'), NEXT_MONTH)
    expect(await keys()).toEqual([accountOf('team:a')])
    expect(await process().holds()).toEqual([toCallId('call-2')])
    await process().settle('call-2', reported(4))
    expect(await process().standing('team:a')).toMatchObject({ used: 14, held: 0 })
  })

  test('an account that is cut ends there, and its calls still settle in it', async () => {
    await process().put(budget('global'))
    await process().reserve('call-1')
    await under().counters.cut(accountOf('global'), AT + 1)
    expect((await under().records()).at(-1)).toEqual({ kind: 'cut', account: accountOf('global'), endsAt: AT + 1 })
    await restart()
    expect([await endedKeys(AT), await endedKeys(AT + 1)]).toEqual([[], [accountOf('global')]])
    await process().settle('call-1', reported(7))
    const close = await under().counters.close(accountOf('global'), AT + 1)
    expect(close).toMatchObject({ used: 7, period: { ...OCTOBER, endsAt: AT + 1 } })
  })

  test('after a reset a budget counts from zero, beside the account that it ended', async () => {
    await process().put(budget('global', 20))
    await process().call('call-1', 15)
    const edited = restartBudget(budget('global', 20), AT + 1)
    await process().put(edited)
    await under().counters.cut(accountOf('global'), AT + 1)
    expect((await process().reserve('call-2', { input: 15, at: AT + 2 })).kind).toBe('held')
    const standings = (await under().counters.standings()).toSorted((a, b) => a.period.startsAt - b.period.startsAt)
    expect(standings.map(({ used, held, period }) => [period.startsAt, used, held])).toEqual([
      [OCTOBER.startsAt, 15, 0],
      [AT + 1, 0, 15],
    ])
  })
}

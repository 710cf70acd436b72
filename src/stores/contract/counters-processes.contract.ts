import { expect, test } from 'vitest'
import { toCallId } from '../../domain/ids.ts'
import { alertsOf, CountingProcess, reported } from './counting-process.ts'
import type { Bench } from './counters.contract.ts'
import { accountOf, AT, budget, key, OCTOBER } from './sample-records.ts'

const NEXT_MONTH = OCTOBER.endsAt + 3_600_000
const POLL = { timeout: 10_000 }

/** What two processes on one store see of each other. */
export function describeProcesses({ under, process }: Bench): void {
  /** Another process, which knows what is in force now. */
  const other = async (): Promise<CountingProcess> => {
    const access = await under().second?.()
    if (access === undefined) throw new Error('counters that are shared are opened by a second process too')
    const second = new CountingProcess(access)
    await second.refresh()
    return second
  }

  test('calls of two processes at once never pass the cap, and fill it', async () => {
    await process().put(budget('global', 205), budget('team:a', 1000))
    const second = await other()
    const outcomes = await Promise.all(
      Array.from({ length: 40 }, (_, i) => (i % 2 === 0 ? process() : second).reserve(`call-${i}`, { input: 10 })),
    )
    expect(outcomes.filter(({ kind }) => kind === 'held')).toHaveLength(20)
    for (const outcome of outcomes) {
      if (outcome.kind === 'held')
        for (const { used, held, budget } of outcome.standings) expect(used + held).toBeLessThanOrEqual(budget.limit)
    }
    expect(await second.standing('global')).toMatchObject({ held: 200, callsInFlight: 20 })
    expect(await second.standing('team:a')).toMatchObject({ held: 200, callsInFlight: 20 })
  })

  test('one process sees what the other holds, and may settle it: once', async () => {
    await process().put(budget('global'))
    const second = await other()
    await process().reserve('call-1', { input: 20, expiresAt: AT + 1000 })
    expect(await second.holds()).toEqual(['call-1'])
    expect(await second.access.counters.expired(AT + 1000)).toEqual(['call-1'])
    const settled = await Promise.all([
      second.settle('call-1', 'held', { ending: 'lost' }),
      process().settle('call-1', reported(20)),
      second.settle('call-1', 'held', { ending: 'lost' }),
    ])
    expect(settled.filter((ended) => ended !== undefined)).toHaveLength(1)
    expect(await process().standing('global')).toMatchObject({ used: 20, held: 0, callsInFlight: 0 })
    expect((await under().records()).filter(({ kind }) => kind === 'ended')).toHaveLength(1)
  })

  test('a renewal by one process is seen by the other', async () => {
    await process().put(budget('global'))
    const second = await other()
    await process().reserve('call-1', { expiresAt: AT + 1000 })
    await process().access.counters.renew(toCallId('call-1'), AT + 9000)
    expect(await second.access.counters.expired(AT + 8999)).toEqual([])
  })

  test('an edit in one process makes the other look again before it admits', async () => {
    await process().put(budget('global', 100))
    const second = await other()
    await process().put(budget('global', 20), budget('team:a', 15))
    expect(await second.reserve('call-1', { input: 16 })).toEqual({ kind: 'outdated' })
    expect(await second.holds()).toEqual([])
    await second.refresh()
    expect(second.version).toBe(process().version)
    expect((await second.reserve('call-1', { input: 16 })).kind).toBe('refused')
    expect((await second.reserve('call-2', { input: 15 })).kind).toBe('held')
    expect(await process().standing('team:a')).toMatchObject({ held: 15 })
  })

  test('a hold is not raised past a limit that another process lowered', async () => {
    await process().put(budget('global', 400))
    const second = await other()
    await second.reserve('call-1', { input: 10, outputMax: 500, outputMin: 1, outputExpected: 40 })
    await process().put(budget('global', 60))
    expect(await second.access.counters.raise(toCallId('call-1'), 200)).toBeLessThanOrEqual(50)
    const { used, held } = await process().standing('global')
    expect(used + held).toBeLessThanOrEqual(60)
  })

  test('a call that another process admitted before an edit settles after it', async () => {
    await process().put(budget('global', 100))
    const second = await other()
    await second.reserve('call-1', { input: 50 })
    await process().put(budget('global', 20))
    expect(await second.settle('call-1', reported(60))).toMatchObject({ overrun: 10 })
    expect(await process().standing('global')).toMatchObject({ used: 60, budget: { limit: 20 } })
  })

  test('of two edits from the same version one is in force, and the other changed nothing', async () => {
    await process().put(budget('global', 100))
    const second = await other()
    const { version } = second
    const edits = await Promise.all([
      process().access.catalog.putBudgets([budget('global', 1)], { at: AT, version }),
      second.access.catalog.putBudgets([budget('global', 2)], { at: AT, version }),
    ])
    const winner = edits.findIndex((edit) => edit !== undefined)
    expect(edits.filter((edit) => edit !== undefined)).toHaveLength(1)
    await second.refresh()
    expect(second.budgets).toEqual([budget('global', winner + 1)])
    const stale = await second.access.catalog.putBudgets([budget('global', 3), budget('team:a')], { at: AT, version })
    expect(stale).toBeUndefined()
    await process().refresh()
    expect(process().budgets).toEqual([budget('global', winner + 1)])
    expect((await under().records()).filter(({ kind }) => kind === 'revised')).toHaveLength(2)
  })

  test('a key that one process puts is there for the other, under another version', async () => {
    const second = await other()
    await process().access.catalog.putKey(key('k1', 'bsr_a').key)
    expect(await second.access.catalog.version()).not.toBe(second.version)
    expect((await second.access.catalog.read()).keys).toEqual([key('k1', 'bsr_a').key])
  })

  test('calls of two processes that cross a threshold together alert once', async () => {
    await process().put({ ...budget('global', 100), alertAt: [0.5, 0.8] })
    const second = await other()
    const turn = (i: number) => (i % 2 === 0 ? process() : second)
    for (let i = 0; i < 10; i++) await turn(i).reserve(`call-${i}`, { input: 10 })
    await Promise.all(Array.from({ length: 10 }, (_, i) => turn(i).settle(`call-${i}`, reported(10))))
    await Promise.all(Array.from({ length: 6 }, (_, i) => turn(i).reserve(`late-${i}`, { input: 10 })))
    const thresholds = async () => (await alertsOf(under())).map(({ threshold }) => threshold)
    await expect.poll(thresholds, POLL).toContain(1)
    expect(await thresholds()).toEqual([...new Set(await thresholds())])
    expect(await process().standing('global')).toMatchObject({ used: 100, alertedAt: 1 })
  })

  test('processes that refuse for the same account at once alert once', async () => {
    await process().put(budget('global', 100))
    const second = await other()
    await process().call('call-1', 70)
    await Promise.all(Array.from({ length: 8 }, (_, i) => (i % 2 === 0 ? process() : second).reserve(`late-${i}`, { input: 31 })))
    await expect.poll(() => alertsOf(under()), POLL).toMatchObject([{ threshold: 1 }])
  })

  test('an account is closed once', async () => {
    await process().put(budget('global'))
    const second = await other()
    await process().call('call-1', 10)
    const closes = await Promise.all(
      [process(), second, process(), second].map(({ access }) => access.counters.close(accountOf('global'), NEXT_MONTH)),
    )
    expect(closes.filter((close) => close !== undefined)).toHaveLength(1)
    expect(await second.access.counters.close(accountOf('global'), NEXT_MONTH + 1)).toBeUndefined()
    expect((await under().records()).filter(({ kind }) => kind === 'closed')).toHaveLength(1)
  })

  test('an account in which another process has a call in flight is not closed', async () => {
    await process().put(budget('global'))
    const second = await other()
    await second.reserve('call-1', { input: 10 })
    await expect(
      process()
        .access.counters.close(accountOf('global'), NEXT_MONTH)
        .catch(() => undefined),
    ).resolves.toBeUndefined()
    await second.settle('call-1', reported(10))
    expect(await process().access.counters.close(accountOf('global'), NEXT_MONTH)).toMatchObject({ used: 10 })
  })

  test('an account that was closed is never opened again by a process that has not heard of it', async () => {
    await process().put(budget('global'), budget('team:a'))
    const second = await other()
    await second.call('call-1', 10)
    const stale = [second.ref('global'), second.ref('team:a')]
    // As the engine closes: no account of the budget begins before the closed one's end any more.
    await process().put({ ...budget('global'), startsFrom: OCTOBER.endsAt })
    await process().access.counters.close(accountOf('global'), NEXT_MONTH)
    await second.access.counters.open(second.ref('global'))
    expect(await second.reserve('call-2', { refs: stale })).toEqual({ kind: 'outdated' })
    expect((await second.access.counters.standings()).map(({ budget, held }) => [budget.id, held])).toEqual([['team:a', 0]])
    expect(await second.holds()).toEqual([])
    expect((await under().records()).filter(({ kind }) => kind === 'opened')).toHaveLength(2)
  })

  test('what a process that was killed held is found by another', async () => {
    await process().put(budget('global'))
    const second = await other()
    await process().reserve('call-1', { input: 20, expiresAt: AT + 1000 })
    await under().counters.defer(toCallId('call-1'), 'job-1', AT + 2000)
    expect((await second.access.counters.holds())[0]).toMatchObject({ job: 'job-1', expiresAt: AT + 2000, input: 20 })
    expect(await second.settle('call-1', 'held', { ending: 'lost' })).toMatchObject({ charges: [{ amount: 20 }] })
  })
}

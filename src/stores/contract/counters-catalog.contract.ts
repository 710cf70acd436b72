import { expect, test } from 'vitest'
import type { Budget } from '../../domain/budgets/budget.ts'
import { reported } from './counting-process.ts'
import type { Bench } from './counters.contract.ts'
import { AT, audited, budget, delivery, alert, key } from './sample-records.ts'

/** Says all that a budget can say. */
const FULL: Required<Budget> = {
  ...budget('per-user', 1_234_567_890_123_457),
  name: 'Ünïcödé "quoted" \\ {}[]',
  scope: { team: 'a', 'tag.env': 'prod' },
  each: 'user',
  period: { kind: 'week', timezone: 'Europe/Berlin' },
  alertAt: [0.07, 0.5, 1],
  nearLimit: 'deny',
  waitMs: 2000,
  enforcement: 'leased',
  unpriced: 'refuse',
  weights: { input: 500, reasoning: 0 },
  ownerEmail: 'ann@example.com',
  channels: [],
  notes: 'two\nlines',
  managedBy: 'api',
  before: { rule: { kind: 'month', timezone: 'UTC' }, until: AT + 1 },
  startsFrom: AT,
  archivedAt: AT + 2,
}

/** What is in force, and that edits leave what was used alone. */
export function describeCatalog({ under, process, restart }: Bench): void {
  test('an empty catalog holds nothing', async () => {
    const state = await under().catalog.read()
    expect(state).toEqual({ version: await under().catalog.version(), budgets: [], keys: [] })
  })

  test('a change is in force under a higher version, which is told', async () => {
    const { version } = await under().catalog.read()
    const next = await under().catalog.putBudgets([budget('global'), budget('team:a')], { at: AT, version })
    expect(next).toBeGreaterThan(version)
    expect(await under().catalog.version()).toBe(next)
    const third = await under().catalog.putBudgets([budget('global', 5)], { at: AT + 1, version: next ?? 0 })
    expect(third).toBeGreaterThan(next ?? 0)
    const { budgets, version: read } = await under().catalog.read()
    expect(read).toBe(third)
    expect(budgets.toSorted((a, b) => a.id.localeCompare(b.id))).toEqual([budget('global', 5), budget('team:a')])
    expect(await under().records()).toEqual([
      { kind: 'revised', budget: budget('global'), at: AT },
      { kind: 'revised', budget: budget('team:a'), at: AT },
      { kind: 'revised', budget: budget('global', 5), at: AT + 1 },
    ])
  })

  test('a budget comes back as it was put, whatever it says, also after a restart', async () => {
    await process().put(FULL)
    expect((await under().catalog.read()).budgets).toEqual([FULL])
    await restart()
    expect((await under().catalog.read()).budgets).toEqual([FULL])
    expect((await under().records()).find(({ kind }) => kind === 'revised')).toEqual({ kind: 'revised', budget: FULL, at: AT })
  })

  test('a key is put once per id, is told by a higher version, and survives a restart', async () => {
    const before = await under().catalog.version()
    await under().catalog.putKey(key('k1', 'bsr_a').key)
    await under().catalog.putKey(key('k2', 'bsr_b').key)
    const revoked = { ...key('k1', 'bsr_a').key, revokedAt: AT + 5 }
    await under().catalog.putKey(revoked)
    expect(await under().catalog.version()).toBeGreaterThan(before)
    await restart()
    const { keys } = await under().catalog.read()
    expect(keys.toSorted((a, b) => a.id.localeCompare(b.id))).toEqual([revoked, key('k2', 'bsr_b').key])
    const records = await under().records()
    expect(records).toEqual([key('k1', 'bsr_a'), key('k2', 'bsr_b'), { kind: 'key', key: revoked }])
  })

  test('an edit is in force in open accounts at once, and leaves what is used and held', async () => {
    await process().put(budget('global', 100))
    await process().call('call-1', 30)
    await process().reserve('call-2', { input: 20 })
    await process().put({ ...budget('global', 40), name: 'renamed' })
    expect(await process().standing('global')).toMatchObject({ used: 30, held: 20, budget: { limit: 40, name: 'renamed' } })
    expect(await process().reserve('call-3', { input: 1 })).toMatchObject({ kind: 'refused', isBlockedByHolds: true })
    expect(await process().settle('call-2', reported(20))).toMatchObject({ overrun: 0 })
    expect(await process().standing('global')).toMatchObject({ used: 50, held: 0 })
    await process().put({ ...budget('global', 40), isHardCap: false })
    expect((await process().reserve('call-4', { input: 1000 })).kind).toBe('held')
    await process().put(budget('global', 1051))
    expect((await process().reserve('call-5', { input: 1 })).kind).toBe('held')
    expect((await process().reserve('call-6', { input: 1 })).kind).toBe('refused')
  })

  test('an account keeps its unit: amounts of two units can not be added', async () => {
    await process().put(budget('global', 100))
    await process().call('call-1', 30)
    const inRequests: Budget = { ...budget('global', 5), unit: 'requests', startsFrom: AT + 1 }
    await process().put(inRequests)
    expect(await process().standing('global')).toMatchObject({ used: 30, budget: { unit: 'tokens', limit: 100 } })
    await process().reserve('call-2', { at: AT + 2 })
    const standings = await under().counters.standings()
    expect(standings.map(({ budget, held }) => `${budget.unit} ${held}`).toSorted()).toEqual(['requests 1', 'tokens 0'])
    await restart()
    expect((await under().counters.standings()).map(({ budget, used }) => `${budget.unit} ${used}`).toSorted()).toEqual([
      'requests 0',
      'tokens 30',
    ])
  })

  test('what others append stands in one order with what the counters do', async () => {
    await process().put(budget('global'))
    await process().reserve('call-1')
    await under().journal.append([audited('entry-1'), delivery(alert('global', 0.8), 'delivered')])
    await process().settle('call-1', reported(1))
    await under().journal.appendOrFail(audited('entry-2'))
    const kinds = (await under().records()).map(({ kind }) => kind)
    expect(kinds).toEqual(['revised', 'opened', 'held', 'audit', 'delivery', 'ended', 'audit'])
    expect((await under().records())[3]).toEqual(audited('entry-1'))
    expect(under().journal.trouble()).toBeUndefined()
  })
}

import { expect, test, vi } from 'vitest'
import type { Budget } from '../../src/domain/budgets/budget.ts'
import { accountRef } from '../../src/engine/budget-book.ts'
import { Failure } from '../../src/engine/failure.ts'
import { budget } from '../../src/stores/contract/sample-records.ts'
import { startMemoryEngine } from './memory-engine.ts'

const START = Date.UTC(2026, 0, 30, 22, 10, 0)

const BUDGET: Budget = { ...budget('global'), period: { kind: 'hour', timezone: 'UTC' } }

async function startReset() {
  const { clock, counters, engine, records } = await startMemoryEngine(START, [BUDGET])
  clock.advance(60_000)
  const starts = async () => (await counters.standings()).map(({ period }) => period.startsAt)
  const closedEnds = () => records.flatMap((record) => (record.kind === 'closed' ? [record.close.period.endsAt] : []))
  return { clock, counters, engine, starts, closedEnds }
}

test('a reset whose process died before it ended the account is brought to its end by whoever hears of it', async () => {
  const { clock, counters, engine, starts, closedEnds } = await startReset()
  const resetAt = clock.now()
  await counters.putBudgets([{ ...BUDGET, startsFrom: resetAt }], { at: resetAt, version: await counters.version() })
  await engine.tick()
  expect(closedEnds()).toEqual([resetAt])
  expect(await starts()).toEqual([resetAt])
})

test('a reset that failed half way is brought to its end by the next tick', async () => {
  const { clock, counters, engine, starts, closedEnds } = await startReset()
  vi.spyOn(counters, 'cut').mockRejectedValueOnce(new Failure('store_unavailable', 'gone'))
  await expect(engine.reset('global', { actor: 'me', reason: 'a test' })).rejects.toMatchObject({ code: 'store_unavailable' })
  await engine.tick()
  expect(closedEnds()).toEqual([clock.now()])
  expect(await starts()).toEqual([clock.now()])
})

test('accounts whose ends a store has lost end where the next of them began, so that none overlap', async () => {
  const { clock, counters, engine, closedEnds } = await startReset()
  const restart = async () => {
    const startsFrom = clock.now()
    await counters.putBudgets([{ ...BUDGET, startsFrom }], { at: startsFrom, version: await counters.version() })
    return startsFrom
  }
  const first = await restart()
  await counters.open(accountRef({ ...BUDGET, startsFrom: first }, null, first))
  clock.advance(1000)
  const second = await restart()
  await engine.tick()
  expect(closedEnds()).toEqual([first, second])
})

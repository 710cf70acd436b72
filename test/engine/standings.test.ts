import { expect, test } from 'vitest'
import type { Budget } from '../../src/domain/budgets/budget.ts'
import { budget } from '../../src/stores/contract/sample-records.ts'
import { startMemoryEngine } from './memory-engine.ts'

const HOUR_MS = 3_600_000
const START = Date.UTC(2026, 0, 30, 22, 10, 0)
const HOURLY: Budget = { ...budget('global'), period: { kind: 'hour', timezone: 'UTC' } }

const NEXT_HOUR = Date.UTC(2026, 0, 30, 23)

test('a budget whose period has just ended stands at zero in the next one, before the tick that opens it', async () => {
  const { clock, engine, admit } = await startMemoryEngine(START, [HOURLY, budget('monthly')])
  await admit()
  clock.jumpTo(NEXT_HOUR)
  const standings = await engine.standings()
  expect(standings).toMatchObject([
    { budget: { id: 'monthly' }, held: 15 },
    { budget: { id: 'global' }, used: 0, held: 0, granted: 0, each: null, period: { startsAt: NEXT_HOUR } },
  ])
  await engine.tick()
  expect(new Set(await engine.standings())).toEqual(new Set(standings))
})

test('accounts that only calls open do not stand before one has, nor do those of archived budgets', async () => {
  const { clock, engine } = await startMemoryEngine(START, [
    { ...HOURLY, each: 'user' },
    { ...HOURLY, id: budget('old').id },
  ])
  await engine.reconfigure([{ ...HOURLY, each: 'user' }], { actor: 'me', reason: 'a test' })
  clock.jumpTo(START + HOUR_MS)
  expect(await engine.standings()).toEqual([])
})

import { expect, test } from 'vitest'
import type { Budget } from '../../src/domain/budget.ts'
import { toBudgetId, toCallId } from '../../src/domain/ids.ts'
import type { LedgerRecord } from '../../src/domain/record.ts'
import { startEngine } from '../../src/engine/engine.ts'
import { createMemoryCounters } from '../../src/stores/memory/counters.ts'
import { createManualClock } from './manual-clock.ts'

const START = Date.UTC(2026, 0, 30, 22, 10, 0)

const BUDGET: Budget = {
  id: toBudgetId('global'),
  name: 'global',
  scope: {},
  unit: 'tokens',
  limit: 1000,
  period: { kind: 'hour', timezone: 'UTC' },
  alertAt: [],
  isHardCap: true,
  nearLimit: 'clamp',
  waitMs: 0,
  managedBy: 'file',
}

test('a reset whose process died before it ended the account is brought to its end by whoever hears of it', async () => {
  const clock = createManualClock(START)
  const records: LedgerRecord[] = []
  const journal = {
    append: async (more: readonly LedgerRecord[]) => void records.push(...more),
    appendOrFail: async (record: LedgerRecord) => void records.push(record),
    trouble: () => undefined,
  }
  const counters = createMemoryCounters({
    journal,
    channelNames: [],
    onStoreDown: 'refuse',
    state: { budgets: [], accounts: [], holds: [], keys: [] },
  })
  const ids = { callId: () => toCallId('call-1') }
  const prices = { priceOf: () => undefined }
  const engine = await startEngine({ counters, catalog: counters, journal, clock, ids, prices, holdTtlMs: 60_000, onLost: 'charge' }, [
    BUDGET,
  ])
  clock.advance(60_000)
  const resetAt = clock.now()
  await counters.putBudgets([{ ...BUDGET, startsFrom: resetAt }], { at: resetAt, version: await counters.version() })
  await engine.tick()
  const ends = records.flatMap((record) => (record.kind === 'cut' ? [record.endsAt] : []))
  expect(ends).toEqual([resetAt])
  expect(records.flatMap((record) => (record.kind === 'closed' ? [record.close.period.endsAt] : []))).toEqual([resetAt])
  expect((await counters.standings()).map(({ period }) => period.startsAt)).toEqual([resetAt])
})

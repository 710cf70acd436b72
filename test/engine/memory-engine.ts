import type { Budget } from '../../src/domain/budgets/budget.ts'
import { toCallId } from '../../src/domain/ids.ts'
import type { LedgerRecord } from '../../src/domain/record.ts'
import { startEngine } from '../../src/engine/engine.ts'
import { createMemoryCounters } from '../../src/stores/memory/counters.ts'
import { createManualClock } from './manual-clock.ts'

export const HOLD_TTL_MS = 60_000

/** An engine over memory that starts at that instant, with what it wrote; its one call is `call-1`. */
export async function startMemoryEngine(startsAt: number, budgets: readonly Budget[]) {
  const clock = createManualClock(startsAt)
  const records: LedgerRecord[] = []
  const journal = {
    append: async (more: readonly LedgerRecord[]) => void records.push(...more),
    appendOrFail: async (record: LedgerRecord) => void records.push(record),
    trouble: () => undefined,
  }
  const state = { budgets: [], accounts: [], holds: [], keys: [] }
  const counters = createMemoryCounters({ journal, channelNames: [], onStoreDown: 'refuse', state })
  const ids = { callId: () => toCallId('call-1') }
  const prices = { priceOf: () => undefined }
  const deps = { counters, catalog: counters, journal, clock, ids, prices, holdTtlMs: HOLD_TTL_MS, onLost: 'charge' } as const
  const engine = await startEngine(deps, budgets)
  const admit = () =>
    engine.admit({
      attributes: { provider: 'p', model: 'm', tags: {} },
      modelName: 'm',
      endpoint: 'e',
      bound: { input: 10, outputMax: 5, outputMin: 5, choices: 1 },
    })
  return { clock, records, journal, counters, engine, admit }
}

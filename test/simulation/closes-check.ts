import type { SimulatedLedger } from './simulated-ledger.ts'
import { Violation } from './violation.ts'

/** Periods of a budget do not overlap, and each ends once. */
export function checkCloses(ledger: SimulatedLedger): void {
  const lastEnd = new Map<string, number>()
  const closes = [...ledger.accounts.values()].flatMap(({ closedBy }) => closedBy ?? [])
  for (const { budget, each, period } of closes.toSorted((a, b) => a.period.startsAt - b.period.startsAt)) {
    const name = `${budget} ${each ?? ''}`
    if (period.startsAt < (lastEnd.get(name) ?? 0)) throw new Violation(`${name}: ${period.name} begins before the one before it ended`)
    lastEnd.set(name, period.endsAt)
  }
}

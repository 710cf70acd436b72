import type { Alert } from '../domain/accounts/alert.ts'
import { toAccountKey, toBudgetId } from '../domain/ids.ts'
import { periodAt } from '../domain/budgets/period.ts'

/** An alert for tests: an advisory month budget of 5,000,000 tokens at 83.2 %, on 2026-11-22 at 10:00 UTC. */
export function sampleAlert(changes: Partial<Alert> = {}): Alert {
  const at = changes.at ?? Date.UTC(2026, 10, 22, 10)
  const budget = changes.budget ?? toBudgetId('team:marketing')
  const period = changes.period ?? periodAt({ kind: 'month', timezone: 'UTC' }, at)
  return {
    id: `alert-${budget}-${period.startsAt}-0.8`,
    at,
    account: toAccountKey(budget, changes.each ?? null, period.startsAt),
    budget,
    name: 'Marketing Team',
    each: null,
    unit: 'tokens',
    threshold: 0.8,
    used: 4_160_000,
    limit: 5_000_000,
    isHardCap: false,
    period,
    ownerEmail: 'owner@example.com',
    channels: ['slack', 'email', 'ops'],
    ...changes,
  }
}

import { type Alert, alertOf } from '../../domain/accounts/alert.ts'
import type { Budget } from '../../domain/budgets/budget.ts'
import { type BudgetId, toAccountKey } from '../../domain/ids.ts'
import type { EpochMs } from '../../domain/instant.ts'
import { fromFace, toAccount } from './account-row.ts'

/** What an alert says beside its crossing. */
export interface AlertFacts {
  /** A budget as it was at that place in the stream. */
  readonly budgetOf: (id: BudgetId) => Promise<Budget | undefined>
  readonly channelNames: readonly string[]
}

/** The alerts of crossings as they stand in the stream: a line each, of the share, used, the limit, and what the account is. */
export async function alertsOfCrossings(lines: string, at: EpochMs, facts: AlertFacts): Promise<readonly Alert[]> {
  const alerts: Alert[] = []
  for (const line of lines.split('\n').slice(0, -1)) {
    const [, share, used, limit, json = ''] = /^(\S+) (\d+) (\d+) (.*)$/.exec(line) ?? []
    const { budget: id, each, period } = fromFace(json)
    const budget = await facts.budgetOf(id)
    if (budget === undefined) continue
    const key = toAccountKey(id, each, period.startsAt)
    const crossing = { account: key, threshold: Number(share), used: Number(used), limit: Number(limit) }
    alerts.push(alertOf(toAccount({ key, budget, each, period }, undefined), crossing, at, facts.channelNames))
  }
  return alerts
}

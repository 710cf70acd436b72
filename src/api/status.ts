import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import { capOf } from '../domain/accounts/account.ts'
import { forecastOf } from '../domain/foresight/forecast.ts'
import type { EpochMs } from '../domain/instant.ts'
import type { Standing } from '../engine/ports.ts'
import { displayAmount } from '../domain/amount.ts'
import { isoOrNull } from '../http/amounts.ts'
import type { ApiDeps } from './deps.ts'
import { PROBLEM } from './problem.ts'

const row = z.object({
  id: z.string(),
  account: z.string().nullable(),
  name: z.string(),
  unit: z.enum(['tokens', 'usd', 'requests']),
  used: z.number(),
  held: z.number(),
  limit: z.number(),
  granted: z.number(),
  pct: z.number(),
  status: z.enum(['OK', 'WARNING', 'EXCEEDED']),
  hard_cap: z.boolean(),
  period: z.object({ kind: z.string(), name: z.string(), start: z.string(), end: z.string().nullable() }),
  forecast: z.object({
    expected: z.number().nullable(),
    low: z.number().nullable(),
    high: z.number().nullable(),
    exhausted_at: z.string().nullable(),
  }),
  owner_email: z.string().nullable(),
})

const schema = z.object({ at: z.string(), budgets: z.array(row) }).openapi('Status')

export type StatusRow = z.infer<typeof row>

const route = createRoute({
  method: 'get',
  path: '/api/v1/status',
  summary: 'Every open account, the most used first',
  responses: { 200: { description: 'Status', content: { 'application/json': { schema } } }, ...PROBLEM },
})

/** `GET /api/v1/status` */
export function addStatus(app: OpenAPIHono, { engine, clock }: ApiDeps): void {
  app.openapi(route, async (context) => {
    const now = clock.now()
    const budgets = (await engine.standings()).toSorted((a, b) => shareOf(b) - shareOf(a))
    return context.json({ at: new Date(now).toISOString(), budgets: budgets.map((standing) => toRow(standing, now)) }, 200)
  })
}

function toRow(standing: Standing, now: EpochMs): StatusRow {
  const { budget, each, used, held, granted, period } = standing
  const amount = (value: number) => displayAmount(budget.unit, value)
  const { expected, exhaustedAt } = forecastOf(standing, now)
  return {
    id: budget.id,
    account: each,
    name: budget.name,
    unit: budget.unit,
    used: amount(used),
    held: amount(held),
    limit: amount(budget.limit),
    granted: amount(granted),
    pct: percentOf(standing),
    status: statusOf(standing),
    hard_cap: budget.isHardCap,
    period: { kind: period.kind, name: period.name, start: new Date(period.startsAt).toISOString(), end: isoOrNull(standing) },
    forecast: {
      expected: expected === undefined ? null : amount(expected),
      low: null,
      high: null,
      exhausted_at: exhaustedAt === undefined ? null : new Date(exhaustedAt).toISOString(),
    },
    owner_email: budget.ownerEmail ?? null,
  }
}

/** With one decimal; 100 only where nothing is left, so that it never says more than `status` does. */
function percentOf(standing: Standing): number {
  const rounded = Math.round(shareOf(standing) * 1000) / 10
  return standing.used < capOf(standing) ? Math.min(rounded, 99.9) : rounded
}

/** By the exact share, not by the rounded percentage: 99.96 % is no EXCEEDED. */
function statusOf(standing: Standing): StatusRow['status'] {
  const [lowest = 1] = standing.budget.alertAt
  if (standing.used >= capOf(standing)) return 'EXCEEDED'
  return shareOf(standing) >= lowest ? 'WARNING' : 'OK'
}

function shareOf(standing: Standing): number {
  return capOf(standing) === 0 ? 1 : standing.used / capOf(standing)
}

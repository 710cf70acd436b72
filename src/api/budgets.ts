import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import type { Budget } from '../domain/budgets/budget.ts'
import { scopeEntries } from '../domain/budgets/scope.ts'
import { displayAmount } from '../domain/amount.ts'
import { ADMIN, type ApiDeps } from './deps.ts'
import { Problem, PROBLEM } from './problem.ts'

const budget = z
  .object({
    id: z.string(),
    name: z.string(),
    scope: z.record(z.string(), z.string()),
    each: z.string().nullable(),
    limit: z.record(z.string(), z.number()),
    period: z.string(),
    timezone: z.string(),
    alert_at: z.array(z.number()),
    hard_cap: z.boolean(),
    near_limit: z.string(),
    wait_ms: z.number(),
    owner_email: z.string().nullable(),
    managed_by: z.string(),
    archived: z.boolean(),
  })
  .openapi('Budget')

const id = z.object({ id: z.string() })

const listRoute = createRoute({
  method: 'get',
  path: '/api/v1/budgets',
  summary: 'All budgets',
  responses: {
    200: { description: 'Budgets', content: { 'application/json': { schema: z.object({ budgets: z.array(budget) }) } } },
    ...PROBLEM,
  },
})

const getRoute = createRoute({
  method: 'get',
  path: '/api/v1/budgets/{id}',
  summary: 'One budget',
  request: { params: id },
  responses: { 200: { description: 'The budget', content: { 'application/json': { schema: budget } } }, ...PROBLEM },
})

const resetRoute = createRoute({
  method: 'post',
  path: '/api/v1/budgets/{id}/reset',
  summary: 'Closes the current accounts and begins new ones at zero; audited',
  request: {
    params: id,
    body: { required: true, content: { 'application/json': { schema: z.object({ reason: z.string().trim().min(1).max(1000) }) } } },
  },
  responses: { 200: { description: 'The budget', content: { 'application/json': { schema: budget } } }, ...PROBLEM },
})

/** `/api/v1/budgets`: what is in force, and a reset; they are edited in the config file. */
export function addBudgets(app: OpenAPIHono, { engine }: ApiDeps): void {
  app.openapi(listRoute, (context) => context.json({ budgets: engine.budgets().map(toJson) }, 200))
  app.openapi(getRoute, (context) => {
    const wanted = context.req.valid('param').id
    const found = engine.budgets().find((candidate) => candidate.id === wanted)
    if (found === undefined) throw unknown(wanted)
    return context.json(toJson(found), 200)
  })
  app.openapi(resetRoute, async (context) => {
    const wanted = context.req.valid('param').id
    const restarted = await engine.reset(wanted, { actor: ADMIN, reason: context.req.valid('json').reason })
    if (restarted === undefined) throw unknown(wanted)
    return context.json(toJson(restarted), 200)
  })
}

function unknown(wanted: string): Problem {
  return new Problem(404, 'not_found', `there is no budget "${wanted}" in force; GET /api/v1/budgets lists them`)
}

function toJson(row: Budget): z.infer<typeof budget> {
  return {
    id: row.id,
    name: row.name,
    scope: Object.fromEntries(scopeEntries(row.scope)),
    each: row.each ?? null,
    limit: { [row.unit]: displayAmount(row.unit, row.limit) },
    period: row.period.kind,
    timezone: row.period.timezone,
    alert_at: [...row.alertAt],
    hard_cap: row.isHardCap,
    near_limit: row.nearLimit,
    wait_ms: row.waitMs,
    owner_email: row.ownerEmail ?? null,
    managed_by: row.managedBy,
    archived: row.archivedAt !== undefined,
  }
}

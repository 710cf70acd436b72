import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import type { Close } from '../domain/accounts/close.ts'
import { displayAmount } from '../domain/amount.ts'
import type { ApiDeps } from './deps.ts'
import { Problem, PROBLEM } from './problem.ts'

const close = z
  .object({
    id: z.string(),
    account: z.string().nullable(),
    name: z.string(),
    unit: z.enum(['tokens', 'usd', 'requests']),
    period: z.object({ kind: z.string(), name: z.string(), start: z.string(), end: z.string() }),
    limit: z.number(),
    granted: z.number(),
    used: z.number(),
    pct: z.number(),
    overrun: z.number(),
    calls: z.number().optional(),
    closed_at: z.string(),
    hash: z.string().optional(),
  })
  .openapi('Close')

const historyRoute = createRoute({
  method: 'get',
  path: '/api/v1/history',
  summary: 'The closes of periods that have ended, newest first',
  request: { query: z.object({ budget: z.string().optional(), limit: z.coerce.number().int().min(1).max(10_000).default(100) }) },
  responses: {
    200: { description: 'Closes', content: { 'application/json': { schema: z.object({ closes: z.array(close) }) } } },
    ...PROBLEM,
  },
})

const closeRoute = createRoute({
  method: 'post',
  path: '/api/v1/close',
  summary: 'Closes every period that has ended; twice is harmless',
  responses: {
    200: {
      description: 'What was closed now, and what waits for calls in flight',
      content: {
        'application/json': {
          schema: z.object({
            closed: z.array(close),
            waiting: z.array(z.object({ id: z.string(), account: z.string().nullable(), period: z.string() })),
          }),
        },
      },
    },
    ...PROBLEM,
  },
})

/** `GET /api/v1/history` and `POST /api/v1/close` */
export function addCloses(app: OpenAPIHono, { engine, ledger }: ApiDeps): void {
  app.openapi(historyRoute, async (context) => {
    const { budget, limit } = context.req.valid('query')
    if (budget !== undefined && !engine.budgets().some(({ id }) => id === budget))
      throw new Problem(404, 'not_found', `there is no budget ${budget}`)
    const found = await ledger.closes({ limit, ...(budget === undefined ? {} : { budget }) })
    return context.json({ closes: found.map((row) => ({ ...toJson(row), calls: row.calls, hash: row.hash })) }, 200)
  })
  app.openapi(closeRoute, async (context) => {
    const { closed, waiting } = await engine.closeEnded()
    const waits = waiting.map(({ budget, each, period }) => ({ id: budget.id, account: each, period: period.name }))
    return context.json({ closed: closed.map(toJson), waiting: waits }, 200)
  })
}

function toJson(row: Close): z.infer<typeof close> {
  const amount = (value: number) => displayAmount(row.unit, value)
  const cap = row.limit + row.granted
  return {
    id: row.budget,
    account: row.each,
    name: row.name,
    unit: row.unit,
    period: {
      kind: row.period.kind,
      name: row.period.name,
      start: new Date(row.period.startsAt).toISOString(),
      end: new Date(row.period.endsAt).toISOString(),
    },
    limit: amount(row.limit),
    granted: amount(row.granted),
    used: amount(row.used),
    pct: cap === 0 ? 100 : Math.round((row.used / cap) * 1000) / 10,
    overrun: amount(row.overrun),
    closed_at: new Date(row.closedAt).toISOString(),
  }
}

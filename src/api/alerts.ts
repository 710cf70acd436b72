import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import type { AlertStatus } from '../engine/ports.ts'
import { displayAmount } from '../domain/amount.ts'
import type { ApiDeps } from './deps.ts'
import { Problem, PROBLEM } from './problem.ts'

const delivery = z.object({
  channel: z.string(),
  state: z.enum(['pending', 'delivered', 'dead']),
  attempts: z.number(),
  next_at: z.string().nullable(),
  last_error: z.string(),
})

const alert = z
  .object({
    id: z.string(),
    at: z.string(),
    budget: z.string(),
    account: z.string().nullable(),
    name: z.string(),
    threshold: z.number(),
    unit: z.enum(['tokens', 'usd', 'requests']),
    used: z.number(),
    limit: z.number(),
    hard_cap: z.boolean(),
    deliveries: z.array(delivery),
  })
  .openapi('Alert')

const ALERTS_MAX = 10_000

const listRoute = createRoute({
  method: 'get',
  path: '/api/v1/alerts',
  summary: 'Alerts with their deliveries, newest first',
  request: { query: z.object({ limit: z.coerce.number().int().min(1).max(ALERTS_MAX).default(100) }) },
  responses: {
    200: { description: 'Alerts', content: { 'application/json': { schema: z.object({ alerts: z.array(alert) }) } } },
    ...PROBLEM,
  },
})

const deliveriesRoute = createRoute({
  method: 'get',
  path: '/api/v1/alerts/{id}/deliveries',
  summary: 'The deliveries of one alert',
  request: { params: z.object({ id: z.string() }) },
  responses: {
    200: { description: 'Deliveries', content: { 'application/json': { schema: z.object({ deliveries: z.array(delivery) }) } } },
    ...PROBLEM,
  },
})

const testRoute = createRoute({
  method: 'post',
  path: '/api/v1/alerts/test',
  summary: 'Sends a test alert to a channel now',
  request: { body: { required: true, content: { 'application/json': { schema: z.object({ channel: z.string() }) } } } },
  responses: {
    200: {
      description: 'Delivered',
      content: { 'application/json': { schema: z.object({ channel: z.string(), delivered: z.boolean() }) } },
    },
    ...PROBLEM,
  },
})

/** `/api/v1/alerts`: what fired, its deliveries, and a test of a channel. */
export function addAlerts(app: OpenAPIHono, { ledger, testChannel }: ApiDeps): void {
  app.openapi(listRoute, async (context) => {
    const found = await ledger.alerts({ limit: context.req.valid('query').limit })
    return context.json({ alerts: found.map(toJson) }, 200)
  })
  app.openapi(deliveriesRoute, async (context) => {
    const { id } = context.req.valid('param')
    const found = (await ledger.alerts({ limit: ALERTS_MAX })).find((status) => status.alert.id === id)
    if (found === undefined) throw new Problem(404, 'not_found', `there is no alert "${id}"; GET /api/v1/alerts lists them`)
    return context.json({ deliveries: toJson(found).deliveries }, 200)
  })
  app.openapi(testRoute, async (context) => {
    const { channel, isDelivered, error } = await testChannel(context.req.valid('json').channel)
    if (!isDelivered) throw new Problem(502, 'not_delivered', `the channel "${channel}" did not take the test alert: ${error}`)
    return context.json({ channel, delivered: true }, 200)
  })
}

function toJson({ alert: fact, deliveries }: AlertStatus): z.infer<typeof alert> {
  return {
    id: fact.id,
    at: new Date(fact.at).toISOString(),
    budget: fact.budget,
    account: fact.each,
    name: fact.name,
    threshold: fact.threshold,
    unit: fact.unit,
    used: displayAmount(fact.unit, fact.used),
    limit: displayAmount(fact.unit, fact.limit),
    hard_cap: fact.isHardCap,
    deliveries: deliveries.map(({ channel, state, attempts, nextAt, lastError }) => ({
      channel,
      state,
      attempts,
      next_at: state === 'pending' ? new Date(nextAt).toISOString() : null,
      last_error: lastError,
    })),
  }
}

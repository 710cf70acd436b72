import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import { isTimezone } from '../domain/budgets/period.ts'
import type { Clock, UsageRow } from '../engine/ports.ts'
import { displayAmount } from '../domain/amount.ts'
import type { ApiDeps } from './deps.ts'
import { instant } from './instant.ts'
import { Problem, PROBLEM } from './problem.ts'

const ATTRIBUTES = ['team', 'project', 'user', 'key', 'provider', 'model'] as const

const range = {
  from: instant.optional().openapi({ description: 'Inclusive; default: the start of this UTC month' }),
  to: instant.optional().openapi({ description: 'Exclusive; default: now' }),
}

const attributes = z
  .string()
  .transform((text) =>
    text
      .split(',')
      .map((name) => name.trim())
      .filter((name) => name !== ''),
  )
  .pipe(z.array(z.enum(ATTRIBUTES)))

const usageQuery = z.object({
  ...range,
  group_by: attributes.optional().openapi({ type: 'string', example: 'team,user' }),
  interval: z.enum(['hour', 'day', 'month']).optional(),
  timezone: z.string().refine(isTimezone, 'expected an IANA time zone, such as Europe/Berlin').optional(),
})

const topQuery = z.object({ ...range, by: z.enum(ATTRIBUTES).default('user'), limit: z.coerce.number().int().min(1).max(1000).default(20) })

const row = z
  .object({
    start: z.string().optional(),
    calls: z.number(),
    input: z.number(),
    cached_input: z.number(),
    cache_write: z.number(),
    output: z.number(),
    reasoning: z.number(),
    total: z.number(),
    cost_usd: z.number(),
    estimated_calls: z.number(),
  })
  .catchall(z.union([z.string(), z.number()]))

const rows = z.object({ rows: z.array(row) }).openapi('Usage')
const answer = { 200: { description: 'Sums of calls', content: { 'application/json': { schema: rows } } }, ...PROBLEM }

const usageRoute = createRoute({
  method: 'get',
  path: '/api/v1/usage',
  summary: 'Usage by attribute and time',
  request: { query: usageQuery },
  responses: answer,
})
const topRoute = createRoute({
  method: 'get',
  path: '/api/v1/top',
  summary: 'Who uses the most',
  request: { query: topQuery },
  responses: answer,
})

/** `GET /api/v1/usage` and `GET /api/v1/top` */
export function addUsage(app: OpenAPIHono, { ledger, clock }: ApiDeps): void {
  app.openapi(usageRoute, async (context) => {
    const asked = context.req.valid('query')
    const groupBy = asked.group_by ?? []
    const interval = asked.interval === undefined ? {} : { interval: { kind: asked.interval, timezone: asked.timezone ?? 'UTC' } }
    const found = await ledger.usage({ ...rangeOf(asked, clock), groupBy, ...interval })
    const sorted = found.toSorted((a, b) => (a.startsAt ?? 0) - (b.startsAt ?? 0) || totalOf(b) - totalOf(a))
    return context.json({ rows: sorted.map((usage) => toRow(usage, groupBy)) }, 200)
  })
  app.openapi(topRoute, async (context) => {
    const asked = context.req.valid('query')
    // A user is looked at within each team: the same name may stand for two people.
    const groupBy = asked.by === 'user' ? (['team', 'user'] as const) : [asked.by]
    const found = await ledger.usage({ ...rangeOf(asked, clock), groupBy })
    const most = found.toSorted((a, b) => totalOf(b) - totalOf(a)).slice(0, asked.limit)
    return context.json({ rows: most.map((usage) => toRow(usage, groupBy)) }, 200)
  })
}

function rangeOf({ from, to }: { from?: string | undefined; to?: string | undefined }, clock: Clock): { from: number; to: number } {
  const now = clock.now()
  const month = new Date(now)
  if (from !== undefined && to !== undefined && Date.parse(from) > Date.parse(to)) {
    throw new Problem(400, 'invalid_request', `from: expected an instant that is not after to (${to})`)
  }
  return {
    from: from === undefined ? Date.UTC(month.getUTCFullYear(), month.getUTCMonth()) : Date.parse(from),
    // Exclusive, so that a call of this very millisecond is in.
    to: to === undefined ? now + 1 : Date.parse(to),
  }
}

function totalOf({ input, output }: UsageRow): number {
  return input + output
}

function toRow(usage: UsageRow, groupBy: readonly string[]): z.infer<typeof row> {
  return {
    ...Object.fromEntries(groupBy.map((name, i) => [name, usage.group[i] ?? ''])),
    ...(usage.startsAt === undefined ? {} : { start: new Date(usage.startsAt).toISOString() }),
    calls: usage.calls,
    input: usage.input,
    cached_input: usage.cachedInput,
    cache_write: usage.cacheWrite,
    output: usage.output,
    reasoning: usage.reasoning,
    total: totalOf(usage),
    cost_usd: displayAmount('usd', usage.costNanoUsd),
    estimated_calls: usage.estimatedCalls,
  }
}

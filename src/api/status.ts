import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import { capOf } from '../domain/accounts/account.ts'
import { forecastOf } from '../domain/foresight/forecast.ts'
import type { EpochMs } from '../domain/instant.ts'
import type { Standing } from '../engine/ports.ts'
import { displayAmount } from '../domain/amount.ts'
import { isoOrNull } from '../http/amounts.ts'
import type { ApiDeps } from './deps.ts'
import { Problem, PROBLEM } from './problem.ts'

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

const schema = z
  .object({
    at: z.string(),
    budgets: z.array(row),
    next_cursor: z.string().nullable().openapi({ description: 'The next page, as `cursor`; null where this is the last' }),
  })
  .openapi('Status')

const PAGE_MAX = 1000

const query = z.object({
  limit: z.coerce.number().int().min(1).max(PAGE_MAX).default(PAGE_MAX),
  cursor: z.string().max(2000).optional(),
  q: z.string().max(200).optional().openapi({ description: 'A part of the id, the name or the account, in any case' }),
  team: z.string().max(200).optional(),
  status: z.enum(['OK', 'WARNING', 'EXCEEDED']).optional(),
})

type Query = z.infer<typeof query>

export type StatusRow = z.infer<typeof row>

const route = createRoute({
  method: 'get',
  path: '/api/v1/status',
  summary: 'The open accounts, the most used first, in pages',
  request: { query },
  responses: { 200: { description: 'Status', content: { 'application/json': { schema } } }, ...PROBLEM },
})

/** `GET /api/v1/status` */
export function addStatus(app: OpenAPIHono, { engine, clock }: ApiDeps): void {
  app.openapi(route, async (context) => {
    const now = clock.now()
    const asked = context.req.valid('query')
    const found = (await engine.standings()).filter((standing) => isAskedFor(standing, asked)).toSorted(mostUsedFirst)
    const after = asked.cursor === undefined ? undefined : fromCursor(asked.cursor)
    const rest = after === undefined ? found : found.filter((standing) => mostUsedFirst(after, placeOf(standing)) < 0)
    const page = rest.slice(0, asked.limit)
    const last = rest.length > page.length ? page.at(-1) : undefined
    return context.json(
      {
        at: new Date(now).toISOString(),
        budgets: page.map((standing) => toRow(standing, now)),
        next_cursor: last === undefined ? null : toCursor(last),
      },
      200,
    )
  })
}

function isAskedFor(standing: Standing, { q, team, status }: Query): boolean {
  const { budget, each } = standing
  if (status !== undefined && statusOf(standing) !== status) return false
  if (team !== undefined && budget.scope.team !== team && !(budget.each === 'team' && each === team)) return false
  const wanted = q?.toLowerCase()
  return wanted === undefined || [budget.id, budget.name, each ?? ''].some((text) => text.toLowerCase().includes(wanted))
}

/** Where a row stands among all: what a page ends with, so that the next one goes on behind it, whatever came or went before. */
interface Place {
  readonly share: number
  readonly key: string
}

function placeOf(standing: Standing): Place {
  return { share: shareOf(standing), key: standing.key }
}

function mostUsedFirst(a: Place | Standing, b: Place | Standing): number {
  const [one, other] = [a, b].map((place) => ('share' in place ? place : placeOf(place)))
  if (one === undefined || other === undefined) return 0
  return other.share - one.share || (one.key < other.key ? -1 : one.key > other.key ? 1 : 0)
}

function toCursor(standing: Standing): string {
  const { share, key } = placeOf(standing)
  return Buffer.from(JSON.stringify([share, key])).toString('base64url')
}

const place = z.tuple([z.number(), z.string()])

function fromCursor(cursor: string): Place {
  const parsed = place.safeParse(parseJson(Buffer.from(cursor, 'base64url').toString()))
  if (!parsed.success) throw new Problem(400, 'invalid_request', 'cursor: expected the next_cursor of another answer')
  const [share, key] = parsed.data
  return { share, key }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
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

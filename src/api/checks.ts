import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import { overshootOf } from '../engine/doctor.ts'
import type { Standing } from '../engine/ports.ts'
import { displayAmount } from '../domain/amount.ts'
import type { ApiDeps } from './deps.ts'
import { PROBLEM } from './problem.ts'

const DAY_MS = 86_400_000

const difference = z.object({ account: z.string(), what: z.string(), calls: z.number(), other: z.number() })

const unpricedModel = z.object({ provider: z.string(), model: z.string(), calls: z.number(), tokens: z.number() })

const setAside = z.object({ position: z.number(), at: z.string(), kind: z.string(), reason: z.string(), record: z.string() })

const distrusted = z.object({ provider: z.string(), model: z.string(), output: z.number(), at: z.string() })

const unknownInput = z.object({ provider: z.string(), model: z.string(), what: z.string(), calls: z.number() })

const doctorRoute = createRoute({
  method: 'get',
  path: '/api/v1/doctor',
  summary: 'Recomputes every sum from the ledger',
  responses: {
    200: {
      description: 'What differs; an empty list means nothing',
      content: {
        'application/json': {
          schema: z.object({
            differences: z.array(difference),
            unpriced: z.array(unpricedModel).openapi({ description: 'Models of the last 30 days that no price is known for' }),
            set_aside: z
              .object({ count: z.number(), records: z.array(setAside) })
              .openapi({ description: 'Records that could not be applied to the ledger; the newest 100' }),
            distrusted: z.array(distrusted).openapi({
              description: 'Models that produced more than the maximum that they were told: their calls hold all that they may come to',
            }),
            calls_in_flight: z.number(),
            older_calls: z.object({ counted: z.number(), left: z.number() }).optional().openapi({
              description:
                'While calls of an older version are brought into price lines: how many are, and how many reports still count by their end',
            }),
            trouble: z.string().nullable(),
          }),
        },
      },
    },
    ...PROBLEM,
  },
})

const boundsRoute = createRoute({
  method: 'get',
  path: '/api/v1/doctor/bounds',
  summary: 'How calls kept to what was held for them, by day and model, newest day first',
  request: { query: z.object({ days: z.coerce.number().int().min(1).max(400).default(30) }) },
  responses: {
    200: {
      description: 'Rows in tokens, of calls whose provider reported their use',
      content: {
        'application/json': {
          schema: z.object({
            rows: z.array(
              z.object({
                day: z.string(),
                provider: z.string(),
                model: z.string(),
                calls: z.number(),
                passed: z.number(),
                spared: z.number(),
                worst_excess: z.number(),
                held: z.number(),
                used: z.number(),
              }),
            ),
            overshoot: z
              .array(z.object({ budget: z.string(), account: z.string().nullable(), unit: z.string(), amount: z.number() }))
              .openapi({ description: 'Open accounts of which calls used more than the hard cap; empty where every cap held' }),
            unknown_input: z.array(unknownInput).openapi({
              description: 'What was not known of requests since this process started: their input held all that the model can read',
            }),
          }),
        },
      },
    },
    ...PROBLEM,
  },
})

const auditRoute = createRoute({
  method: 'get',
  path: '/api/v1/audit',
  summary: 'Who changed what, newest first',
  request: { query: z.object({ limit: z.coerce.number().int().min(1).max(10_000).default(100) }) },
  responses: {
    200: {
      description: 'Entries',
      content: {
        'application/json': {
          schema: z.object({
            entries: z.array(
              z.object({
                id: z.string(),
                at: z.string(),
                actor: z.string(),
                action: z.string(),
                target: z.string(),
                reason: z.string(),
                before: z.unknown(),
                after: z.unknown(),
              }),
            ),
          }),
        },
      },
    },
    ...PROBLEM,
  },
})

/** `GET /api/v1/doctor`, `/api/v1/doctor/bounds`, `/api/v1/audit`, and what needs no token: `/healthz`, `/readyz`, `/metrics`. */
export function addChecks(app: OpenAPIHono, { diagnose, distrusts, unknownInputs, engine, ledger, clock, health, metrics }: ApiDeps): void {
  app.openapi(doctorRoute, async (context) => {
    const { differences, unpriced, setAside, callsInFlight, olderCalls, trouble } = await diagnose()
    const aside = setAside.records.map(({ at, ...rest }) => ({ ...rest, at: new Date(at).toISOString() }))
    const found = differences.map(({ account, ...rest }) => ({ ...rest, account: account.replaceAll('\n', ' ').trim() }))
    return context.json(
      {
        differences: found,
        unpriced: [...unpriced],
        set_aside: { count: setAside.count, records: aside },
        distrusted: distrusts.all().map(({ provider, model, output, at }) => ({ provider, model, output, at: new Date(at).toISOString() })),
        calls_in_flight: callsInFlight,
        ...(olderCalls === undefined ? {} : { older_calls: olderCalls }),
        trouble: trouble ?? null,
      },
      200,
    )
  })
  app.openapi(boundsRoute, async (context) => {
    const rows = await ledger.bounds(clock.now() - context.req.valid('query').days * DAY_MS)
    const shown = rows.map(({ day, worstExcess, ...row }) => ({
      ...row,
      day: new Date(day).toISOString().slice(0, 10),
      worst_excess: worstExcess,
    }))
    const unknown = unknownInputs().map(({ provider, model, what, calls }) => ({ provider, model, what, calls }))
    return context.json({ rows: shown, overshoot: (await engine.standings()).flatMap(toOvershoot), unknown_input: unknown }, 200)
  })
  app.openapi(auditRoute, async (context) => {
    const entries = await ledger.audit({ limit: context.req.valid('query').limit })
    const shown = entries.map((entry) => ({
      ...entry,
      at: new Date(entry.at).toISOString(),
      before: parseJson(entry.before),
      after: parseJson(entry.after),
    }))
    return context.json({ entries: shown }, 200)
  })
  app.get('/healthz', (context) => context.text('ok'))
  app.get('/readyz', (context) => {
    const { ready, reasons, warnings } = health()
    return context.json({ ready, reasons, warnings }, ready ? 200 : 503)
  })
  app.get('/metrics', async (context) => context.text(await metrics(), 200, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' }))
}

function toOvershoot(standing: Standing) {
  const { budget, each } = standing
  const amount = overshootOf(standing)
  return amount === 0 ? [] : [{ budget: budget.id, account: each, unit: budget.unit, amount: displayAmount(budget.unit, amount) }]
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import { ADMIN, type ApiDeps } from './deps.ts'
import { Problem, PROBLEM } from './problem.ts'

const trustRoute = createRoute({
  method: 'post',
  path: '/api/v1/doctor/trust',
  summary: 'Trusts the maxima of a model again that once produced more than it was told',
  request: {
    body: {
      required: true,
      content: {
        'application/json': {
          schema: z.object({ provider: z.string(), model: z.string(), reason: z.string().default('') }),
        },
      },
    },
  },
  responses: {
    200: {
      description: 'Its calls hold as others do again',
      content: { 'application/json': { schema: z.object({ provider: z.string(), model: z.string() }) } },
    },
    ...PROBLEM,
  },
})

/** `POST /api/v1/doctor/trust`. */
export function addTrust(app: OpenAPIHono, { distrusts }: ApiDeps): void {
  app.openapi(trustRoute, async (context) => {
    const { provider, model, reason } = context.req.valid('json')
    if (!(await distrusts.trust(provider, model, { actor: ADMIN, reason })))
      throw new Problem(404, 'not_found', `${provider}/${model} is not distrusted; GET /api/v1/doctor lists the models that are`)
    return context.json({ provider, model }, 200)
  })
}

import { OpenAPIHono } from '@hono/zod-openapi'
import { bodyLimit } from 'hono/body-limit'
import { HTTPException } from 'hono/http-exception'
import { Failure, type FailureCode } from '../engine/failure.ts'
import { ERROR_CODES } from '../http/error-codes.ts'
import { addAlerts } from './alerts.ts'
import { addBudgets } from './budgets.ts'
import { addChecks } from './checks.ts'
import { addCloses } from './closes.ts'
import type { ApiDeps } from './deps.ts'
import { addKeys } from './keys.ts'
import { Problem, problemBody } from './problem.ts'
import { addStatus } from './status.ts'
import { addTrust } from './trust.ts'
import { addUsage } from './usage.ts'

export type { ApiDeps }

/** A hundred times what any change needs. */
const BODY_BYTES_MAX = 1024 * 1024

const OPENAPI_PATH = '/api/v1/openapi.json'

/** Resources of the control plane that this version does not have. */
const LATER = /^\/api\/v1\/(?:forecast|export|simulate|reservations|budgets\/[^/]+\/grants)(?:\/|$)/

/** The control plane: JSON under `/api/v1` for whoever has the admin token, health and metrics for all. */
export function createApi(deps: ApiDeps): OpenAPIHono {
  const app = new OpenAPIHono({
    defaultHook: (result) => {
      if (!result.success) throw new Problem(400, 'invalid_request', describe(result.error.issues))
    },
  })
  app.use('/api/*', async (context, next) => {
    const token = /^Bearer +(\S+)$/i.exec(context.req.header('authorization') ?? '')?.[1] ?? ''
    if (context.req.path !== OPENAPI_PATH && !deps.isAdminToken(token)) {
      if (token !== '') await slowDown(deps, addressOf(context.env))
      throw new Problem(
        401,
        'invalid_admin_token',
        'this needs the admin token, as "Authorization: Bearer …"; it was printed on the first start',
      )
    }
    if (LATER.test(context.req.path)) throw new Problem(501, 'not_available_yet', 'this version does not have this resource')
    await next()
  })
  app.use('/api/*', bodyLimit({ maxSize: BODY_BYTES_MAX, onError: tooLarge }))
  for (const add of [addStatus, addUsage, addCloses, addBudgets, addAlerts, addKeys, addChecks, addTrust]) add(app, deps)
  app.post('/api/v1/budgets', notBudgetsYet)
  app.on(['PUT', 'PATCH', 'DELETE'], '/api/v1/budgets/:id', notBudgetsYet)
  app.openAPIRegistry.registerComponent('securitySchemes', 'admin', { type: 'http', scheme: 'bearer', description: 'The admin token' })
  app.doc31(OPENAPI_PATH, { openapi: '3.1.0', info: { title: 'Bursar', version: '1' }, security: [{ admin: [] }] })
  app.get('/', (context) => context.text('Bursar counts. "npx bursar status" shows the budgets; the dashboard is not in this version.\n'))
  app.notFound((context) => problem(404, 'not_found', `there is nothing at ${context.req.path}`))
  app.onError((error) => {
    if (error instanceof Problem) return problem(error.status, error.code, error.message)
    if (error instanceof HTTPException) return problem(error.status, 'invalid_request', error.message)
    if (error instanceof Failure) return problem(statusOf(error.code), error.code, error.message)
    deps.defect(error)
    return problem(500, 'internal_error', 'a bug in Bursar: the log says more')
  })
  return app
}

function tooLarge(): never {
  throw new Problem(413, 'body_too_large', `the request body is larger than ${BODY_BYTES_MAX} bytes`)
}

function slowDown({ failedTokens, clock }: ApiDeps, address: string): Promise<void> {
  return failedTokens.wait(failedTokens.failed(address, clock.now()), clock.after)
}

/** Where a request comes from, as @hono/node-server tells it. */
function addressOf(env: unknown): string {
  const incoming = isWith(env, 'incoming') ? env.incoming : undefined
  const socket = isWith(incoming, 'socket') ? incoming.socket : undefined
  return isWith(socket, 'remoteAddress') && typeof socket.remoteAddress === 'string' ? socket.remoteAddress : 'an unknown address'
}

function isWith<Name extends string>(value: unknown, name: Name): value is Readonly<Record<Name, unknown>> {
  return typeof value === 'object' && value !== null && name in value
}

function notBudgetsYet(): never {
  throw new Problem(501, 'not_available_yet', 'this version edits budgets in its config file only; a restart puts them in force')
}

/** A config is read before anything listens: here it would be a bug. */
function statusOf(code: FailureCode): number {
  return code === 'invalid_config' ? ERROR_CODES.internal_error.status : ERROR_CODES[code].status
}

function problem(status: number, code: string, detail: string): Response {
  return Response.json(problemBody(status, code, detail), { status, headers: { 'content-type': 'application/problem+json' } })
}

function describe(issues: readonly { readonly path: readonly PropertyKey[]; readonly message: string }[]): string {
  return issues.map(({ path, message }) => (path.length === 0 ? message : `${path.map(String).join('.')}: ${message}`)).join('; ')
}

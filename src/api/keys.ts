import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import { ID_EXPECTED, isId, toName } from '../domain/ids.ts'
import type { KeyRow } from '../domain/record.ts'
import type { Clock } from '../engine/ports.ts'
import { ADMIN, type ApiDeps } from './deps.ts'
import { instant } from './instant.ts'
import { Problem, PROBLEM } from './problem.ts'

/** As every name that enters: see {@link toName}. */
const name = z
  .string()
  .trim()
  .transform((text, context) => {
    const parsed = toName(text)
    if (parsed !== undefined) return parsed
    context.addIssue({ code: 'custom', message: `expected ${ID_EXPECTED}` })
    return z.NEVER
  })
  .openapi({ type: 'string', description: ID_EXPECTED })
const LIST_MAX = 1000

const OBJECTS = ['own', 'team', 'all'] as const

const key = z
  .object({
    id: z.string(),
    name: z.string(),
    hint: z.string(),
    team: z.string().nullable(),
    project: z.string().nullable(),
    user: z.string().nullable(),
    allow: z.array(z.string()),
    models: z.array(z.string()),
    objects: z.enum(OBJECTS),
    created_at: z.string(),
    expires_at: z.string().nullable(),
    revoked_at: z.string().nullable(),
    managed_by: z.enum(['file', 'api']),
  })
  .openapi('Key')

const issued = key.extend({ secret: z.string() }).openapi('IssuedKey')

const wish = z.strictObject({
  name,
  team: name.optional(),
  project: name.optional(),
  user: name.optional(),
  allow: z
    .array(
      z
        .string()
        .regex(/^(?:team|project|user|tag\.[^\s]+)$/, 'expected team, project, user or tag.NAME')
        .refine(isId, `expected ${ID_EXPECTED}`),
    )
    .max(LIST_MAX)
    .default([]),
  models: z
    .array(z.string().trim().refine(isId, `expected ${ID_EXPECTED}`))
    .max(LIST_MAX)
    .default(['*']),
  objects: z.enum(OBJECTS).default('team'),
  expires_at: instant.optional(),
})

const json = <Schema extends z.ZodType>(schema: Schema, description: string) => ({
  description,
  content: { 'application/json': { schema } },
})
const params = z.object({ id: z.string() })

const listRoute = createRoute({
  method: 'get',
  path: '/api/v1/keys',
  summary: 'All virtual keys, without their secrets',
  responses: { 200: json(z.object({ keys: z.array(key) }), 'Keys'), ...PROBLEM },
})

const createKeyRoute = createRoute({
  method: 'post',
  path: '/api/v1/keys',
  summary: 'Makes a key; its secret is shown this once',
  request: { body: { required: true, content: { 'application/json': { schema: wish } } } },
  responses: { 201: json(issued, 'The key'), ...PROBLEM },
})

const rotateRoute = createRoute({
  method: 'post',
  path: '/api/v1/keys/{id}/rotate',
  summary: 'A new secret for the same key; what it used stays',
  request: { params },
  responses: { 200: json(issued, 'The key'), ...PROBLEM },
})

const revokeRoute = createRoute({
  method: 'post',
  path: '/api/v1/keys/{id}/revoke',
  summary: 'Takes a key back',
  request: { params },
  responses: { 200: json(key, 'The key'), ...PROBLEM },
})

const change = (reason: string) => ({ actor: ADMIN, reason })

/** `/api/v1/keys`: virtual keys; a secret is in the answer that makes it, and nowhere else. */
export function addKeys(app: OpenAPIHono, { keys, clock }: ApiDeps): void {
  app.openapi(listRoute, (context) => context.json({ keys: keys.all().map(toJson) }, 200))
  app.openapi(createKeyRoute, async (context) => {
    const { name: keyName, allow, models, objects, expires_at: expiresAt, ...fixed } = context.req.valid('json')
    const attributes = Object.fromEntries(Object.entries(fixed).filter(([, value]) => value !== undefined))
    const expiry = expiresAt === undefined ? {} : { expiresAt: future(expiresAt, clock) }
    const made = await keys.create({ name: keyName, attributes, allow, models, objects, ...expiry }, change('created'))
    if (made === undefined)
      throw new Problem(409, 'name_taken', `a key named "${keyName}" exists: choose another name, or revoke that one first`)
    return context.json({ ...toJson(made.row), secret: made.secret }, 201)
  })
  app.openapi(rotateRoute, async (context) => {
    const { id } = context.req.valid('param')
    const made = await keys.rotate(id, change('rotated'))
    if (made === undefined) throw unknown(id)
    return context.json({ ...toJson(made.row), secret: made.secret }, 200)
  })
  app.openapi(revokeRoute, async (context) => {
    const { id } = context.req.valid('param')
    const revoked = await keys.revoke(id, change('revoked'))
    if (revoked === undefined) throw unknown(id)
    return context.json(toJson(revoked), 200)
  })
}

function future(text: string, clock: Clock): number {
  const at = Date.parse(text)
  if (at <= clock.now()) throw new Problem(400, 'invalid_request', `expires_at: expected an instant in the future, not ${text}`)
  return at
}

function unknown(id: string): Problem {
  return new Problem(404, 'not_found', `there is no key "${id}" that can be changed here; keys of the config file are changed in the file`)
}

function toJson(row: KeyRow): z.infer<typeof key> {
  const iso = (at: number | undefined) => (at === undefined ? null : new Date(at).toISOString())
  return {
    id: row.id,
    name: row.name,
    hint: row.hint,
    team: row.attributes.team ?? null,
    project: row.attributes.project ?? null,
    user: row.attributes.user ?? null,
    allow: [...row.allow],
    models: [...row.models],
    objects: row.objects ?? 'team',
    created_at: new Date(row.createdAt).toISOString(),
    expires_at: iso(row.expiresAt),
    revoked_at: iso(row.revokedAt),
    managed_by: row.id.startsWith('file:') ? 'file' : 'api',
  }
}

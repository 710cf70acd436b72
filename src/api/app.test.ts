import { describe, expect, test } from 'vitest'
import { Failure } from '../engine/failure.ts'
import { createApi } from './app.ts'
import { ADMIN_TOKEN, NOW, type Sample, sampleDeps, STANDINGS, DISTRUSTS } from './sample-deps.ts'

type Json = Record<string, unknown>

const NOVEMBER = Date.UTC(2026, 10, 1)

async function ask(
  path: string,
  init: { method?: string; body?: unknown; sample?: Sample } = {},
): Promise<{ status: number; body: Json; type: string }> {
  const { method = init.body === undefined ? 'GET' : 'POST', body, sample = sampleDeps() } = init
  const response = await createApi(sample.deps).request(path, {
    method,
    headers: { authorization: `Bearer ${ADMIN_TOKEN}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  return { status: response.status, body: (await response.json()) as Json, type: response.headers.get('content-type') ?? '' }
}

describe('status', () => {
  test('every open account, most used first; WARNING and EXCEEDED by the exact share, not by the rounded percentage', async () => {
    const { body } = await ask('/api/v1/status')
    const rows = (body['budgets'] as Json[]).map(({ id, account, pct, status }) => [id, account, pct, status])
    expect(rows).toEqual([
      ['shut', null, 100, 'EXCEEDED'],
      ['rounded', null, 99.9, 'WARNING'],
      ['research-per-user', 'ann', 91, 'WARNING'],
      ['below', null, 80, 'OK'],
      ['global', null, 48, 'OK'],
      ['research-per-user', 'bob', 20.5, 'OK'],
      ['idle', null, 0.3, 'OK'],
    ])
  })

  test('a row has exactly the fields of the contract; a grant counts, a period that never ends has neither end nor forecast', async () => {
    const { body } = await ask('/api/v1/status')
    const rows = body['budgets'] as Json[]
    expect(body['at']).toBe('2026-11-19T00:00:00.000Z')
    expect(rows.find(({ id }) => id === 'global')).toEqual({
      id: 'global',
      account: null,
      name: 'Global Cap',
      unit: 'tokens',
      used: 600,
      held: 30,
      limit: 1000,
      granted: 250,
      pct: 48,
      status: 'OK',
      hard_cap: true,
      period: { kind: 'month', name: '2026-11', start: '2026-11-01T00:00:00.000Z', end: '2026-12-01T00:00:00.000Z' },
      forecast: { expected: 1000, low: null, high: null, exhausted_at: null },
      owner_email: null,
    })
    expect(rows.find(({ id }) => id === 'idle')).toMatchObject({
      period: { kind: 'total', end: null },
      forecast: { expected: null, low: null, high: null, exhausted_at: null },
      hard_cap: false,
    })
  })

  test('pages, filtered or not, have every account once, in its order', async () => {
    const ids = (body: Json) => (body['budgets'] as Json[]).map(({ id, account }) => [id, account])
    for (const filter of ['', '&q=R', '&status=WARNING']) {
      const whole = ids((await ask(`/api/v1/status?limit=1000${filter}`)).body)
      for (const limit of [1, 2, 3, 100]) {
        const found: unknown[] = []
        for (let cursor: string | undefined = ''; cursor !== undefined;) {
          const { body } = await ask(`/api/v1/status?limit=${limit}${filter}${cursor === '' ? '' : `&cursor=${cursor}`}`)
          expect(ids(body).length).toBeLessThanOrEqual(limit)
          found.push(...ids(body))
          cursor = typeof body['next_cursor'] === 'string' ? body['next_cursor'] : undefined
        }
        expect(found).toEqual(whole)
      }
    }
    expect(ids((await ask('/api/v1/status?q=ANN')).body)).toEqual([['research-per-user', 'ann']])
    for (const bad of ['limit=0', 'limit=1001', 'cursor=x', 'status=FULL']) {
      expect(await ask(`/api/v1/status?${bad}`)).toMatchObject({ status: 400, body: { code: 'invalid_request' } })
    }
  })

  test('money is in USD, and the forecast says when it runs out', async () => {
    const { body } = await ask('/api/v1/status')
    const ann = (body['budgets'] as Json[]).find(({ account }) => account === 'ann')
    expect(ann).toMatchObject({ unit: 'usd', used: 45.5, held: 0, limit: 50, granted: 0, owner_email: 'r@example.com' })
    expect(ann).toMatchObject({ forecast: { expected: 75.833333333, exhausted_at: '2026-11-20T18:43:30.989Z' } })
  })
})

describe('usage and top', () => {
  test('rows carry the group, the interval and exactly the sums of the contract', async () => {
    const sample = sampleDeps()
    const { body } = await ask(
      '/api/v1/usage?group_by=team,%20user&interval=day&timezone=Europe/Berlin&from=2026-11-01&to=2026-11-02T00:00:00%2B01:00',
      {
        sample,
      },
    )
    expect(sample.usageQueries).toEqual([
      { from: NOVEMBER, to: NOVEMBER + 23 * 3_600_000, groupBy: ['team', 'user'], interval: { kind: 'day', timezone: 'Europe/Berlin' } },
    ])
    expect((body['rows'] as Json[])[1]).toEqual({
      team: '',
      user: 'rare-user',
      start: '2026-11-01T00:00:00.000Z',
      calls: 3,
      input: 100,
      cached_input: 40,
      cache_write: 5,
      output: 20,
      reasoning: 8,
      total: 120,
      cost_usd: 0.00125,
      estimated_calls: 1,
    })
  })

  test('without a range it is this month so far, the call of this very millisecond included', async () => {
    const sample = sampleDeps()
    const { body } = await ask('/api/v1/usage', { sample })
    expect(sample.usageQueries).toEqual([{ from: NOVEMBER, to: NOW + 1, groupBy: [] }])
    expect(Object.keys((body['rows'] as Json[])[0] ?? {})).not.toContain('start')
  })

  test('top is sorted by tokens, cut at the limit, and keeps a user within the team', async () => {
    const sample = sampleDeps()
    const { body } = await ask('/api/v1/top?limit=1', { sample })
    expect(body['rows']).toEqual([expect.objectContaining({ team: 'heavy-team', user: 'heavy-user', total: 5020 })])
    await ask('/api/v1/top?by=model', { sample })
    expect(sample.usageQueries.map(({ groupBy }) => groupBy)).toEqual([['team', 'user'], ['model']])
  })
})

describe('closes, alerts and the audit', () => {
  test('history has the sums of the period that ended, with its place in the chain', async () => {
    expect((await ask('/api/v1/history')).body).toEqual({
      closes: [
        {
          id: 'research-per-user',
          account: 'ann',
          name: 'Forschung 研究',
          unit: 'usd',
          period: { kind: 'month', name: '2026-10', start: '2026-10-01T00:00:00.000Z', end: '2026-11-01T00:00:00.000Z' },
          limit: 50,
          granted: 10,
          used: 45,
          pct: 75,
          overrun: 0.5,
          calls: 17,
          closed_at: '2026-11-01T00:00:00.005Z',
          hash: 'c0ffee',
        },
      ],
    })
    expect((await ask('/api/v1/history?budget=global')).body).toEqual({ closes: [] })
    expect(await ask('/api/v1/history?budget=nope')).toMatchObject({
      status: 404,
      body: { code: 'not_found', detail: 'there is no budget nope' },
    })
  })

  test('closing by hand says what was closed and what waits for calls in flight', async () => {
    const { status, body } = await ask('/api/v1/close', { method: 'POST' })
    expect(status).toBe(200)
    expect(body['closed']).toEqual([expect.objectContaining({ id: 'research-per-user', account: 'ann', used: 45 })])
    expect(body['waiting']).toEqual([{ id: 'global', account: null, period: '2026-11' }])
  })

  test('alerts have their deliveries; one that is pending says when the next try is due', async () => {
    const deliveries = [
      { channel: 'slack', state: 'delivered', attempts: 1, next_at: null, last_error: '' },
      { channel: 'ops', state: 'pending', attempts: 2, next_at: '2026-11-19T00:00:30.000Z', last_error: 'it answered 503' },
    ]
    expect((await ask('/api/v1/alerts')).body).toEqual({
      alerts: [
        {
          id: 'alert-1',
          at: '2026-11-18T23:59:00.000Z',
          budget: 'research-per-user',
          account: 'ann',
          name: 'Forschung 研究',
          threshold: 0.9,
          unit: 'usd',
          used: 45.5,
          limit: 50,
          hard_cap: true,
          deliveries,
        },
      ],
    })
    expect((await ask('/api/v1/alerts/alert-1/deliveries')).body).toEqual({ deliveries })
    expect(await ask('/api/v1/alerts/alert-2/deliveries')).toMatchObject({ status: 404, body: { code: 'not_found' } })
  })

  test('a test of a channel says whether it arrived, what went wrong, or which channels there are', async () => {
    const testing = (channel: string) => ask('/api/v1/alerts/test', { body: { channel } })
    expect(await testing('slack')).toMatchObject({ status: 200, body: { channel: 'slack', delivered: true } })
    expect(await testing('ops')).toMatchObject({
      status: 502,
      body: { code: 'not_delivered', detail: expect.stringContaining('503') as string },
    })
    expect(await testing('sms')).toMatchObject({
      status: 404,
      body: { code: 'not_found', detail: expect.stringContaining('slack, ops') as string },
    })
  })
})

describe('budgets and keys', () => {
  test('a reset needs a reason, which is handed on with who did it', async () => {
    const sample = sampleDeps()
    const reset = (id: string, reason: string) => ask(`/api/v1/budgets/${id}/reset`, { body: { reason }, sample })
    expect(await reset('global', ' agreed with finance ')).toMatchObject({ status: 200, body: { id: 'global', limit: { tokens: 1000 } } })
    expect(await reset('global', '   ')).toMatchObject({ status: 400, body: { detail: expect.stringContaining('reason') as string } })
    expect(await reset('nobody', 'x')).toMatchObject({ status: 404 })
    expect(sample.resets).toEqual(['global admin agreed with finance'])
  })

  test('a budget is found by its id, colons included, and shown as it is defined', async () => {
    expect((await ask('/api/v1/budgets')).body['budgets']).toHaveLength(6)
    expect((await ask('/api/v1/budgets/research-per-user')).body).toMatchObject({
      scope: { team: 'research' },
      each: 'user',
      limit: { usd: 50 },
      period: 'month',
      managed_by: 'file',
      archived: false,
    })
    expect(await ask('/api/v1/budgets/team%3Anobody')).toMatchObject({
      status: 404,
      body: { detail: expect.stringContaining('"team:nobody"') as string },
    })
  })

  test('a secret is in the answer that makes it and in no other, its hash in none, nor is either in the audit', async () => {
    const sample = sampleDeps()
    const made = await ask('/api/v1/keys', {
      body: { name: 'batch', team: 'ops', allow: ['user', 'tag.*'], expires_at: '2027-01-01' },
      sample,
    })
    expect(made).toMatchObject({ status: 201, body: { name: 'batch', team: 'ops', project: null, expires_at: '2027-01-01T00:00:00.000Z' } })
    const rotated = await ask(`/api/v1/keys/${String(made.body['id'])}/rotate`, { method: 'POST', sample })
    const revoked = await ask(`/api/v1/keys/${String(made.body['id'])}/revoke`, { method: 'POST', sample })
    const [first, second] = [String(made.body['secret']), String(rotated.body['secret'])]
    expect(first).toMatch(/^bsr_/)
    expect(second).not.toBe(first)
    expect(revoked.body['revoked_at']).toBe('2026-11-19T00:00:00.000Z')
    const shown = JSON.stringify([
      revoked.body,
      (await ask('/api/v1/keys', { sample })).body,
      (await ask('/api/v1/audit', { sample })).body,
    ])
    expect(shown).toContain('key.rotate')
    expect(shown).not.toContain(first)
    expect(shown).not.toContain(second)
    expect(`${shown}${JSON.stringify([made.body, rotated.body])}`).not.toMatch(/"hash"|[0-9a-f]{64}/)
  })

  test('a name is taken while its key is not revoked, and a key that has expired before it begins is refused', async () => {
    const sample = sampleDeps()
    await ask('/api/v1/keys', { body: { name: 'batch' }, sample })
    expect(await ask('/api/v1/keys', { body: { name: 'batch' }, sample })).toMatchObject({ status: 409, body: { code: 'name_taken' } })
    expect(await ask('/api/v1/keys', { body: { name: 'late', expires_at: '2026-11-19T00:00:00Z' }, sample })).toMatchObject({
      status: 400,
      body: { detail: expect.stringContaining('in the future') as string },
    })
    expect(await ask('/api/v1/keys/nobody/rotate', { method: 'POST', sample })).toMatchObject({ status: 404 })
  })
})

const UNPRICED = { provider: 'vllm', model: 'ours', calls: 3, tokens: 120 }

describe('doctor', () => {
  test('each difference names the account, what differs, the sum of the calls and the other sum', async () => {
    const account = STANDINGS[0]!.key
    const diagnose = () =>
      Promise.resolve({
        differences: [{ account, what: 'close', calls: 7, other: 8 } as const],
        unpriced: [UNPRICED],
        setAside: { count: 1, records: [{ position: 4, at: 5000, kind: 'closed', reason: 'no such account', record: '{}' }] },
        callsInFlight: 1,
        trouble: 'disk full',
      })
    expect((await ask('/api/v1/doctor', { sample: sampleDeps({ diagnose, distrusts: DISTRUSTS }) })).body).toEqual({
      differences: [{ account: 'idle  0', what: 'close', calls: 7, other: 8 }],
      unpriced: [UNPRICED],
      set_aside: {
        count: 1,
        records: [{ position: 4, at: '1970-01-01T00:00:05.000Z', kind: 'closed', reason: 'no such account', record: '{}' }],
      },
      distrusted: [{ provider: 'local', model: 'maker/endless', output: 900, at: '1970-01-01T00:00:05.000Z' }],
      calls_in_flight: 1,
      trouble: 'disk full',
    })
  })
})

describe('what is sent to the control plane', () => {
  test('is 1 MiB at most', async () => {
    const body = { name: 'x'.repeat(1024 * 1024) }
    const answer = await ask('/api/v1/keys', { method: 'POST', body })
    expect(answer).toMatchObject({ status: 413, body: { code: 'body_too_large' } })
  })

  test('is taken where a name is fine', async () => {
    expect(
      (await ask('/api/v1/keys', { method: 'POST', body: { name: 'fine', team: 'Zoë', models: ['gpt-*'], allow: ['tag.x'] } })).status,
    ).toBe(201)
  })

  test.each(['a\nb', '\uD800', 'a\0b', 'x'.repeat(201), ' ', '\u202Ea'])('has names that every part keeps apart, not %j', async (name) => {
    for (const wish of [
      { name },
      { name: 'fine', team: name },
      { name: 'fine', models: [name] },
      { name: 'fine', allow: [`tag.${name}`] },
    ]) {
      const answer = await ask('/api/v1/keys', { method: 'POST', body: wish })
      expect([wish, answer.status]).toEqual([wish, 400])
    }
  })
})

describe('trust', () => {
  test('a model that is distrusted is trusted again; of another one it is said that it is not', async () => {
    const trust = (model: string) =>
      ask('/api/v1/doctor/trust', { body: { provider: 'local', model }, sample: sampleDeps({ distrusts: DISTRUSTS }) })
    expect(await trust('maker/endless')).toMatchObject({ status: 200, body: { provider: 'local', model: 'maker/endless' } })
    expect(await trust('another')).toMatchObject({ status: 404, body: { code: 'not_found' } })
  })
})

describe('who may ask', () => {
  const app = createApi(sampleDeps().deps)

  test('every operation of the OpenAPI document is closed without the admin token, and open with it', async () => {
    const document = (await (await app.request('/api/v1/openapi.json')).json()) as { openapi: string; paths: Record<string, Json> }
    expect(document.openapi).toMatch(/^3\.1\./)
    const operations = Object.entries(document.paths).flatMap(([path, methods]) => Object.keys(methods).map((method) => ({ path, method })))
    expect(operations.length).toBeGreaterThanOrEqual(17)
    for (const { path, method } of operations) {
      const url = path.replace('{id}', 'x')
      const send = (authorization?: string) => app.request(url, { method, headers: authorization === undefined ? {} : { authorization } })
      for (const authorization of [undefined, 'Bearer wrong', 'Bearer ', `Basic ${ADMIN_TOKEN}`, ADMIN_TOKEN]) {
        const response = await send(authorization)
        expect([method, path, response.status, response.headers.get('content-type')]).toEqual([
          method,
          path,
          401,
          'application/problem+json',
        ])
        expect(await response.json()).toMatchObject({ status: 401, code: 'invalid_admin_token' })
      }
      expect((await send(`Bearer ${ADMIN_TOKEN}`)).status, `${method} ${path}`).not.toBe(401)
    }
  })

  test('the document says how to sign in and what errors look like', async () => {
    const document = (await (await app.request('/api/v1/openapi.json')).json()) as { components: Json; security: unknown; paths: Json }
    expect(document.security).toEqual([{ admin: [] }])
    expect(document.components).toMatchObject({ securitySchemes: { admin: { type: 'http', scheme: 'bearer' } }, schemas: { Problem: {} } })
    const operations = Object.values(document.paths).flatMap((methods) => Object.values(methods as Json)) as { responses: Json }[]
    for (const { responses } of operations) expect(responses).toHaveProperty('default')
  })

  test('paths that do not exist are closed too, so that nobody learns which do', async () => {
    for (const path of ['/api/v1/nothing', '/api/v1/forecast', '/api/v1/%73tatus', '/api/v2/status', '/api/v1/openapi.json/x']) {
      expect((await app.request(path)).status, path).toBe(401)
    }
  })

  test('health and metrics need no token', async () => {
    expect((await app.request('/healthz')).status).toBe(200)
    expect((await app.request('/readyz')).status).toBe(200)
    const metrics = await app.request('/metrics')
    expect(metrics.headers.get('content-type')).toContain('text/plain')
    expect(await metrics.text()).toContain('bursar_calls_in_flight')
  })

  test('a process that is not ready says why, and is healthy all the same', async () => {
    const sick = createApi(sampleDeps({ health: () => ({ ready: false, warnings: [], reasons: ['disk full'] }) }).deps)
    const response = await sick.request('/readyz')
    expect(response.status).toBe(503)
    expect(await response.json()).toEqual({ ready: false, warnings: [], reasons: ['disk full'] })
    expect((await sick.request('/healthz')).status).toBe(200)
  })
})

describe('errors are problem details', () => {
  test.each([
    ['/api/v1/usage?from=team%205', 'from', '2026-10-01T08:00:00Z'],
    ['/api/v1/usage?to=2026-10-01T08:00:00', 'to', 'offset'],
    ['/api/v1/usage?from=2026-11-02&to=2026-11-01', 'from', 'not after to'],
    ['/api/v1/usage?group_by=team,colour', 'group_by', '"project"'],
    ['/api/v1/usage?interval=week', 'interval', '"hour"'],
    ['/api/v1/usage?interval=day&timezone=Mars/Base', 'timezone', 'Europe/Berlin'],
    ['/api/v1/top?by=colour', 'by', '"user"'],
    ['/api/v1/top?limit=many', 'limit', 'number'],
    ['/api/v1/history?limit=0', 'limit', '>=1'],
  ])('%s names the parameter and what was expected', async (path, parameter, expected) => {
    const { status, body, type } = await ask(path)
    expect([status, type, body['code'], body['title']]).toEqual([400, 'application/problem+json', 'invalid_request', 'Bad Request'])
    expect(body['detail']).toMatch(new RegExp(`^${parameter}`))
    expect(body['detail']).toContain(expected)
  })

  test.each([
    [{ name: '' }, 'name'],
    [{}, 'name'],
    [{ name: 'x', allow: ['colour'] }, 'allow.0: expected team, project, user or tag.NAME'],
    [{ name: 'x', teem: 'ops' }, 'Unrecognized key: "teem"'],
    [{ name: 'x', expires_at: 'tomorrow' }, 'expires_at: expected an ISO 8601'],
  ])('a body of %o is refused with the field at fault', async (body, detail) => {
    const answer = await ask('/api/v1/keys', { body })
    expect(answer).toMatchObject({ status: 400, body: { code: 'invalid_request', type: 'about:blank', status: 400 } })
    expect(String(answer.body['detail']).startsWith(detail)).toBe(true)
  })

  test('a body that is no JSON is refused, and so is one that does not say that it is', async () => {
    const send = (type: string, body: string) =>
      createApi(sampleDeps().deps).request('/api/v1/keys', {
        method: 'POST',
        headers: { authorization: `Bearer ${ADMIN_TOKEN}`, 'content-type': type },
        body,
      })
    const broken = await send('application/json', '{"name"')
    expect([broken.status, broken.headers.get('content-type')]).toEqual([400, 'application/problem+json'])
    const unnamed = await send('text/plain', '{"name":"x"}')
    expect([unnamed.status, unnamed.headers.get('content-type')]).toEqual([415, 'application/problem+json'])
  })

  test('an unknown path is not found', async () => {
    expect(await ask('/api/v1/nothing')).toMatchObject({ status: 404, type: 'application/problem+json', body: { code: 'not_found' } })
    expect(await ask('/api/v1/status', { method: 'PUT' })).toMatchObject({ status: 404 })
  })

  test.each([
    ['GET', '/api/v1/forecast'],
    ['GET', '/api/v1/export?format=csv'],
    ['POST', '/api/v1/simulate'],
    ['POST', '/api/v1/reservations'],
    ['POST', '/api/v1/reservations/r1/settle'],
    ['POST', '/api/v1/budgets/global/grants'],
    ['POST', '/api/v1/budgets'],
    ['PUT', '/api/v1/budgets/global'],
    ['PATCH', '/api/v1/budgets/global'],
    ['DELETE', '/api/v1/budgets/global'],
  ])('%s %s is not available yet', async (method, path) => {
    expect(await ask(path, { method })).toMatchObject({
      status: 501,
      type: 'application/problem+json',
      body: { code: 'not_available_yet' },
    })
  })

  test('a store that is gone answers 503, and a bug 500 without its words, which go to the log', async () => {
    const failing = (error: Error) =>
      sampleDeps({
        diagnose: async () => {
          throw error
        },
      })
    const gone = await ask('/api/v1/doctor', { sample: failing(new Failure('store_unavailable', 'the disk is full')) })
    expect(gone).toMatchObject({ status: 503, body: { code: 'store_unavailable', detail: 'the disk is full' } })
    const asked = await ask('/api/v1/doctor', { sample: failing(new Failure('invalid_request', 'no such zone')) })
    expect(asked).toMatchObject({ status: 400, body: { code: 'invalid_request', detail: 'no such zone' } })
    const sample = failing(new Error('secret inner words'))
    const broken = await ask('/api/v1/doctor', { sample })
    expect(broken).toMatchObject({ status: 500, body: { code: 'internal_error' } })
    expect(JSON.stringify(broken.body)).not.toContain('secret inner words')
    expect(sample.defects).toEqual([new Error('secret inner words')])
  })
})

import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { App } from '../../src/compose.ts'
import { createManualClock, type ManualClock } from '../engine/manual-clock.ts'
import { api, KEY, post, remove, startInProcess, statusOf, tempDir } from './bursar.ts'
import { answerJson, answerSse, chatCompletion, startUpstream, type Upstream } from './upstream.ts'

/** How budgets of other gateways are known to fail, each as a test that it does not happen here. */

let dir: string
let upstream: Upstream
let bursar: (App & { logged: string[] }) | undefined
let usage = { input: 40, output: 60 }

beforeEach(async () => {
  dir = tempDir()
  usage = { input: 40, output: 60 }
  upstream = await startUpstream(async ({ path, body }, response) => {
    const { stream, model } = JSON.parse(body || '{}') as { stream?: boolean; model?: string }
    if (model === 'error') return answerJson(response, '{"error":{"message":"busy"}}', 500)
    if (path.endsWith('/messages')) {
      const counts = { input_tokens: usage.input, output_tokens: usage.output }
      return answerJson(response, JSON.stringify({ type: 'message', content: [{ type: 'text', text: 'Hi' }], usage: counts }))
    }
    if (path.endsWith('/embeddings'))
      return answerJson(response, JSON.stringify({ data: [], usage: { prompt_tokens: usage.input, total_tokens: usage.input } }))
    if (path.endsWith('/responses')) {
      const counts = { input_tokens: usage.input, output_tokens: usage.output, total_tokens: usage.input + usage.output }
      return answerJson(response, JSON.stringify({ status: 'completed', output: [], usage: counts }))
    }
    if (model === 'other-usage')
      return answerJson(response, JSON.stringify({ choices: [{ message: { content: 'A few words of it' } }], usage: { tokens_used: 12 } }))
    if (stream === true) return answerSse(response, [{ choices: [{ index: 0, delta: { content: 'Hi' } }] }, '[DONE]'])
    return answerJson(response, chatCompletion(usage))
  })
})

afterEach(async () => {
  await bursar?.close()
  bursar = undefined
  await upstream.close()
  remove(dir)
})

async function start(budgets: string, more: { clock?: ManualClock; keys?: string; more?: string } = {}): Promise<string> {
  const { clock, ...setup } = more
  bursar = await startInProcess({ upstreamUrl: upstream.url, dir, budgets, ...setup }, clock)
  return bursar.url
}

async function restart(budgets: string, clock?: ManualClock): Promise<string> {
  await bursar?.close()
  return start(budgets, clock === undefined ? {} : { clock })
}

const as = (user: string) => ({ 'x-bursar-user': user, 'x-bursar-tags': 'job=night' })
const ask = (url: string, headers: Record<string, string> = {}, body: Record<string, unknown> = {}) =>
  post(url, '/v1/chat/completions', { model: 'gpt-4o-mini', messages: [], max_tokens: 60, ...body }, headers)

const SCOPES: readonly (readonly [string, string])[] = [
  ['global', '{ id: global, name: B'],
  ['team', '{ id: "team:research", name: B'],
  ['project', '{ id: "project:lab", name: B'],
  ['user', '{ id: "user:ann", name: B'],
  ['key', '{ id: "key:tester", name: B'],
  ['model', '{ id: "model:gpt-4o-mini", name: B'],
  ['provider', '{ id: "provider:openai", name: B'],
  ['tag', '{ id: "tag.job:night", name: B'],
  ['each user', '{ id: per-user, scope: {}, each: user, name: B'],
]

describe('hard caps', () => {
  test.each(SCOPES)('spend is counted but the cap of a %s never blocks', async (_, head) => {
    const url = await start(`  - ${head}, limit: { tokens: 150 }, hard_cap: true, near_limit: deny }`)
    expect((await ask(url, as('ann'))).status).toBe(200)
    const seen = upstream.received.length
    const refused = await ask(url, as('ann'))
    expect(refused.status).toBe(429)
    expect(upstream.received.length).toBe(seen)
  })

  test('eight simultaneous first calls of an unknown user all pass a tiny default cap', async () => {
    const url = await start('  - { id: per-user, name: Users, scope: {}, each: user, limit: { usd: 0.000000001 }, hard_cap: true }')
    const answers = await Promise.all(Array.from({ length: 8 }, () => ask(url, as('new'))))
    expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 8 }, () => 429))
    expect(upstream.received).toHaveLength(0)
  })

  test('a call whose cost can not be estimated gets no hold and goes through', async () => {
    const url = await start('  - { id: global, name: Money, limit: { usd: 50 }, hard_cap: true }')
    const refused = await ask(url, {}, { model: 'a-model-without-a-price' })
    expect(refused.status).toBe(403)
    expect(await refused.json()).toMatchObject({
      error: { code: 'model_not_allowed', message: expect.stringContaining('no price') as string },
    })
    expect(upstream.received).toHaveLength(0)
  })

  test.each([
    '/v1/chat/completions',
    '/v1/completions',
    '/v1/responses',
    '/v1/embeddings',
    '/openai/v1/chat/completions',
    '/v1/messages',
    '/anthropic/v1/messages',
  ])('one client dialect (%s) is not blocked by an exhausted cap', async (path) => {
    const url = await start('  - { id: global, name: None, limit: { tokens: 0 }, hard_cap: true }')
    for (const headers of [{}, { authorization: '', 'x-api-key': KEY }, { authorization: '', 'api-key': KEY }]) {
      const response = await post(url, path, { model: 'm', max_tokens: 5, input: 'x', messages: [] }, headers)
      expect(response.status).toBe(429)
    }
    expect(upstream.received).toHaveLength(0)
  })

  test('a socket that was opened within the cap spends on without being asked again', async () => {
    const url = await start('  - { id: global, name: G, limit: { tokens: 1M }, hard_cap: true }')
    const response = await fetch(`${url}/v1/realtime?model=gpt-realtime`, { headers: { authorization: `Bearer ${KEY}` } })
    expect(response.status).toBe(404)
    expect(await response.json()).toMatchObject({ error: { code: 'unsupported_path' } })
  })
})

describe('hierarchy', () => {
  test("a user's cap is ignored as soon as the key has a team: every subset of exhausted levels refuses", async () => {
    const levels = ['global', 'team:research', 'project:lab', 'user:ann', 'key:tester']
    for (let subset = 1; subset < 2 ** levels.length; subset++) {
      const budgets = levels.map(
        (id, i) => `  - { id: "${id}", name: L, limit: { tokens: ${(subset >> i) % 2 === 1 ? 0 : 1_000_000} }, hard_cap: true }`,
      )
      const url = await start(budgets.join('\n'))
      const response = await ask(url, as('ann'))
      expect(response.status).toBe(429)
      const { error } = (await response.json()) as { error: { budget: { id: string } } }
      expect((subset >> levels.indexOf(error.budget.id)) % 2).toBe(1)
      await bursar?.close()
    }
    bursar = undefined
  }, 120_000)

  test('over the cap also the dashboard, the model list and the health checks answer 429', async () => {
    const url = await start('  - { id: global, name: None, limit: { tokens: 0 }, hard_cap: true }')
    expect((await fetch(`${url}/v1/models`, { headers: { authorization: `Bearer ${KEY}` } })).status).toBe(200)
    expect((await api<{ budgets: unknown[] }>(url, 'status')).budgets).toHaveLength(1)
    expect((await fetch(`${url}/readyz`)).status).toBe(200)
  })

  test('whoever administers is exempt from every cap', async () => {
    const url = await start('  - { id: global, name: G, limit: { tokens: 1M }, hard_cap: true }')
    expect((await ask(url, { authorization: 'Bearer bsr_admin_test_0123456789' })).status).toBe(401)
    expect(upstream.received).toHaveLength(0)
  })

  test('users who were there before the default cap have none', async () => {
    const url = await start('  - { id: global, name: G, limit: { tokens: 1M } }')
    expect((await ask(url, as('ann'))).status).toBe(200)
    const later = await restart(`  - { id: global, name: G, limit: { tokens: 1M } }
  - { id: per-user, name: Users, scope: {}, each: user, limit: { tokens: 0 }, hard_cap: true }`)
    expect((await ask(later, as('ann'))).status).toBe(429)
  })

  test('a caller without the attribute escapes a cap per user', async () => {
    const url = await start(
      '  - { id: per-user, name: Users, scope: {}, each: user, limit: { tokens: 150 }, hard_cap: true, near_limit: deny }',
    )
    expect((await ask(url)).status).toBe(200)
    expect((await ask(url)).status).toBe(429)
  })

  test('changing a limit moves the reset date, and nobody knows who did it', async () => {
    const clock = createManualClock(Date.parse('2026-03-10T12:00:00Z'))
    const url = await start('  - { id: global, name: G, limit: { tokens: 1M }, period: week }', { clock })
    await ask(url)
    const before = await api<{ budgets: { period: unknown }[] }>(url, 'status')
    const later = await restart('  - { id: global, name: G, limit: { tokens: 2M }, period: week }', clock)
    const after = await api<{ budgets: { period: unknown; used: number }[] }>(later, 'status')
    expect(after.budgets[0]?.period).toEqual(before.budgets[0]?.period)
    expect(after.budgets[0]?.used).toBe(100)
    const { entries } = await api<{ entries: { action: string; actor: string; before: { limit: number }; after: { limit: number } }[] }>(
      later,
      'audit',
    )
    expect(entries[0]).toMatchObject({
      action: 'budget.update',
      actor: 'config',
      before: { limit: 1_000_000 },
      after: { limit: 2_000_000 },
    })
  })

  test('after an edit the old limit stays in force', async () => {
    const url = await start('  - { id: global, name: G, limit: { tokens: 0 }, hard_cap: true }')
    expect((await ask(url)).status).toBe(429)
    expect((await ask(await restart('  - { id: global, name: G, limit: { tokens: 1M }, hard_cap: true }'))).status).toBe(200)
  })
})

describe('false blocks', () => {
  test('a failed call leaks its hold, and the budget fills up with nothing spent', async () => {
    const url = await start('  - { id: global, name: G, limit: { tokens: 1000 }, hard_cap: true }')
    for (let i = 0; i < 30; i++) expect((await ask(url, {}, { model: 'error' })).status).toBe(500)
    expect(await statusOf(url, 'global')).toMatchObject({ used: 0, held: 0 })
    expect((await ask(url)).status).toBe(200)
  })

  test('an absurd count from a provider leaves the hold behind, and the budget can not be closed', async () => {
    const url = await start('  - { id: global, name: G, limit: { usd: 1000 }, hard_cap: true }')
    usage = { input: 9_007_199_254_740_000, output: 60 }
    expect((await ask(url)).status).toBe(500)
    const row = await statusOf(url, 'global')
    expect(row.held).toBe(0)
    expect(row.used).toBeGreaterThan(0)
    expect((await api<{ rows: unknown[] }>(url, 'usage')).rows).toMatchObject([{ calls: 1, estimated_calls: 1 }])
  })

  test('the counter in one process is twice the recorded spend', async () => {
    const url = await start('  - { id: global, name: G, limit: { tokens: 1M }, hard_cap: true }')
    for (let i = 0; i < 5; i++) await ask(url)
    expect((await statusOf(url, 'global')).used).toBe(500)
    expect(await api(url, 'doctor')).toMatchObject({ differences: [] })
    const later = await restart('  - { id: global, name: G, limit: { tokens: 1M }, hard_cap: true }')
    expect((await statusOf(later, 'global')).used).toBe(500)
  })

  test('the figures in a refusal differ from what is recorded', async () => {
    const url = await start('  - { id: global, name: G, limit: { tokens: 150 }, hard_cap: true, near_limit: deny }')
    await ask(url)
    const { error } = (await (await ask(url)).json()) as { error: { budget: Record<string, unknown>; message: string } }
    const row = await statusOf(url, 'global')
    expect(error.budget).toMatchObject({ id: 'global', used: row.used, held: row.held, limit: row.limit })
    expect(error.message).toContain('100 tokens of 150 tokens used')
  })

  test('"budget exceeded" where no budget is set', async () => {
    const url = await start('  []')
    expect((await ask(url, {}, { model: 'whatever', max_tokens: 100_000_000 })).status).toBe(200)
  })

  test('holds of a burst pin a budget at its cap, and the queue is refused instead of waiting', async () => {
    const url = await start('  - { id: global, name: G, limit: { tokens: 2000 }, hard_cap: true, near_limit: deny, wait: 20s }')
    const answers = await Promise.all(Array.from({ length: 12 }, () => ask(url, {}, { max_tokens: 700 })))
    expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 12 }, () => 200))
  })
})

describe('resets', () => {
  test.each(SCOPES)('the old sum of a %s is read in the new period, and the block never ends', async (_, head) => {
    const clock = createManualClock(Date.parse('2026-02-28T23:59:00Z'))
    const url = await start(`  - ${head}, limit: { tokens: 150 }, hard_cap: true, near_limit: deny, period: month }`, { clock })
    await ask(url, as('ann'))
    expect((await ask(url, as('ann'))).status).toBe(429)
    clock.jumpTo(Date.parse('2026-03-01T00:00:00Z'))
    expect((await ask(url, as('ann'))).status).toBe(200)
    expect((await api<{ budgets: unknown[] }>(url, 'status')).budgets).toMatchObject([{ used: 100 }])
  })

  test('a budget that is given a period keeps what it used in all its life, and refuses at once', async () => {
    const head = '  - { id: global, name: G, limit: { tokens: 150 }, hard_cap: true, near_limit: deny, period:'
    const url = await start(`${head} total }`)
    expect((await ask(url)).status).toBe(200)
    const later = await restart(`${head} month }`)
    expect((await ask(later)).status).toBe(200)
    expect((await api<{ budgets: unknown[] }>(later, 'status')).budgets).toMatchObject([{ used: 100, period: { kind: 'month' } }])
    expect(await api(later, 'doctor')).toMatchObject({ differences: [] })
  })

  test('at midnight all calls wait until thousands of accounts are closed', async () => {
    const clock = createManualClock(Date.parse('2026-02-28T23:59:00Z'))
    const url = await start('  - { id: per-user, name: Users, scope: {}, each: user, limit: { tokens: 1M }, hard_cap: true }', { clock })
    const bound = { input: 10, outputMax: 10, outputMin: 10, choices: 1, audioSeconds: 0 }
    for (let user = 0; user < 3000; user++) {
      const attributes = { user: `u${user}`, team: 'research', key: 'tester', provider: 'openai', model: 'gpt-4o-mini', tags: {} }
      const admitted = await bursar?.engine.admit({ attributes, modelName: 'gpt-4o-mini', endpoint: 'chat', bound })
      if (admitted?.kind !== 'admitted') throw new Error('it has room')
      await bursar?.engine.settle({ call: admitted.call.id, endedAt: clock.now(), ending: 'done', usage: 'held' })
    }
    clock.jumpTo(Date.parse('2026-03-01T00:00:00Z'))
    const over: string[] = []
    const closing = bursar?.engine.tick().then(({ closed }) => over.push(`${closed.length} closed`))
    await ask(url, as('ann')).then(({ status }) => over.push(`answered ${status}`))
    await closing
    expect(over).toEqual(['answered 200', '3000 closed'])
  })

  test('windows reset late by the offset of the time zone', async () => {
    const clock = createManualClock(Date.parse('2026-05-01T14:59:59Z'))
    const url = await start(
      '  - { id: global, name: Tokyo, limit: { tokens: 150 }, hard_cap: true, near_limit: deny, period: day, timezone: Asia/Tokyo }',
      { clock },
    )
    await ask(url)
    const refused = await ask(url)
    expect(refused.status).toBe(429)
    expect(refused.headers.get('retry-after')).toBe('1')
    clock.jumpTo(Date.parse('2026-05-01T15:00:00Z'))
    expect((await ask(url)).status).toBe(200)
  })

  test('a second close erases what the new period has', async () => {
    const clock = createManualClock(Date.parse('2026-02-28T23:00:00Z'))
    const url = await start('  - { id: global, name: G, limit: { tokens: 1M } }', { clock })
    await ask(url)
    clock.jumpTo(Date.parse('2026-03-01T00:00:01Z'))
    await ask(url)
    for (let i = 0; i < 3; i++) await api(url, 'close', { method: 'POST', body: '{}' })
    expect(await statusOf(url, 'global')).toMatchObject({ used: 100 })
    expect((await api<{ closes: unknown[] }>(url, 'history')).closes).toHaveLength(1)
  })

  test('a budget that is new counts what was spent before it', async () => {
    const url = await start('  - { id: global, name: G, limit: { tokens: 1M } }')
    await ask(url)
    const later = await restart(`  - { id: global, name: G, limit: { tokens: 1M } }
  - { id: "team:research", name: New, limit: { tokens: 150 }, hard_cap: true }`)
    expect((await statusOf(later, 'team:research')).used).toBe(0)
    expect((await ask(later)).status).toBe(200)
  })

  test('a reset lies decades ahead', async () => {
    const budgets = ['hour', 'day', 'week', 'month', 'quarter', 'year'].map(
      (period) => `  - { id: "b-${period}", scope: {}, name: B, limit: { tokens: 1M }, period: ${period} }`,
    )
    const url = await start(budgets.join('\n'))
    const { budgets: rows } = await api<{ budgets: { period: { end: string } }[] }>(url, 'status')
    for (const { period } of rows) expect(Date.parse(period.end) - Date.now()).toBeLessThanOrEqual(366 * 86_400_000)
  })
})

describe('lost and doubled spend', () => {
  test('a usage of zero that the provider reports is replaced by an estimate', async () => {
    const url = await start('  - { id: global, name: G, limit: { tokens: 1M } }')
    usage = { input: 0, output: 0 }
    await ask(url)
    expect(await statusOf(url, 'global')).toMatchObject({ used: 0, held: 0 })
    expect((await api<{ rows: unknown[] }>(url, 'usage')).rows).toMatchObject([{ calls: 1, total: 0, estimated_calls: 0 }])
  })

  test('a stream without usage is recorded with 0 tokens', async () => {
    const url = await start('  - { id: global, name: G, limit: { tokens: 1M } }')
    await (await ask(url, {}, { stream: true })).text()
    expect((await statusOf(url, 'global')).used).toBeGreaterThan(0)
    expect((await api<{ rows: unknown[] }>(url, 'usage')).rows).toMatchObject([{ calls: 1, estimated_calls: 1 }])
  })

  test('usage in a form that nobody knows is recorded as 0 tokens, and nobody is told', async () => {
    const url = await start('  - { id: global, name: G, limit: { tokens: 1M } }')
    await ask(url, {}, { model: 'other-usage' })
    expect((await statusOf(url, 'global')).used).toBeGreaterThan(0)
    expect((await api<{ rows: unknown[] }>(url, 'usage')).rows).toMatchObject([{ calls: 1, estimated_calls: 1 }])
    expect(await (await fetch(`${url}/metrics`)).text()).toContain('bursar_usage_not_understood_total{provider="openai"} 1')
  })

  test('reading a stored response bills again', async () => {
    const url = await start('  - { id: global, name: G, limit: { tokens: 1M } }')
    await (await post(url, '/v1/responses', { model: 'm', input: 'x' })).text()
    const used = (await statusOf(url, 'global')).used
    await fetch(`${url}/v1/responses/resp_1`, { headers: { authorization: `Bearer ${KEY}` } })
    expect((await statusOf(url, 'global')).used).toBe(used)
  })

  test('views disagree: keys, teams, users, models and the total have different sums', async () => {
    const url = await start('  - { id: global, name: G, limit: { tokens: 1M } }')
    for (let i = 0; i < 12; i++) await ask(url, i % 3 === 0 ? {} : as(`user-${i % 4}`), { model: i % 2 === 0 ? 'gpt-4o-mini' : 'other' })
    const total = async (query: string) =>
      (await api<{ rows: { total: number }[] }>(url, `usage${query}`)).rows.reduce((sum, row) => sum + row.total, 0)
    const views = [
      '',
      '?group_by=team',
      '?group_by=user',
      '?group_by=key',
      '?group_by=model',
      '?group_by=team,user',
      '?group_by=key,model,user',
    ]
    expect(await Promise.all(views.map(total))).toEqual(views.map(() => 1200))
    expect((await statusOf(url, 'global')).used).toBe(1200)
  })

  test('the days of a zone add up to more than the range', async () => {
    const clock = createManualClock(Date.parse('2026-03-27T21:30:00Z'))
    const url = await start('  - { id: global, name: G, limit: { tokens: 1M } }', { clock })
    for (let hour = 0; hour < 60; hour += 3) {
      await ask(url)
      clock.jumpTo(clock.now() + 3 * 3_600_000)
    }
    for (const zone of ['UTC', 'Europe/Berlin', 'America/Los_Angeles', 'Asia/Kolkata']) {
      const { rows } = await api<{ rows: { total: number; start: string }[] }>(
        url,
        `usage?interval=day&timezone=${zone}&from=2026-03-27T00:00:00Z&to=2026-04-02T00:00:00Z`,
      )
      expect(rows.reduce((sum, row) => sum + row.total, 0)).toBe(2000)
      expect(new Set(rows.map((row) => row.start)).size).toBe(rows.length)
    }
  })
})

describe('alerts, metrics, forecasts', () => {
  test('after the crossing every request alerts again', async () => {
    const url = await start('  - { id: global, name: G, limit: { tokens: 1000 }, alert_at: [0.2] }')
    for (let i = 0; i < 6; i++) await ask(url)
    const later = await restart('  - { id: global, name: G, limit: { tokens: 1000 }, alert_at: [0.2] }')
    await ask(later)
    const { alerts } = await api<{ alerts: { threshold: number }[] }>(later, 'alerts')
    expect(alerts.map(({ threshold }) => threshold)).toEqual([0.2])
  })

  test.each(SCOPES)('a cap of a %s blocks and nobody is told', async (_, head) => {
    const url = await start(`  - ${head}, limit: { tokens: 50 }, hard_cap: true, near_limit: deny, alert_at: [0.9] }`)
    expect((await ask(url, as('ann'), { max_tokens: 500 })).status).toBe(429)
    expect((await ask(url, as('ann'), { max_tokens: 500 })).status).toBe(429)
    const { alerts } = await api<{ alerts: { threshold: number }[] }>(url, 'alerts')
    expect(alerts).toMatchObject([{ threshold: 1 }])
  })

  test('a setting with a wrong name is silently ignored', async () => {
    await expect(start('  - { id: global, name: G, limit: { tokens: 1 }, alert_treshold: 0.5 }')).rejects.toThrow(
      'did you mean "alert_threshold"?',
    )
  })

  test('the projection of a daily budget goes to the end of the month', async () => {
    const clock = createManualClock(Date.parse('2026-03-10T06:00:00Z'))
    const url = await start('  - { id: global, name: G, limit: { tokens: 1M }, period: day }', { clock })
    await ask(url)
    const { budgets } = await api<{ budgets: { forecast: { expected: number } }[] }>(url, 'status')
    expect(budgets[0]?.forecast.expected).toBe(400)
  })

  test('the gauge of what is left jumps to full or to infinity', async () => {
    const url = await start(`  - { id: global, name: G, limit: { tokens: 1000 } }
  - { id: "team:research", name: None, limit: { tokens: 0 } }`)
    await ask(url)
    const text = await (await fetch(`${url}/metrics`)).text()
    expect(text).toContain('bursar_budget_used_ratio{budget="global",unit="tokens"} 0.1')
    expect(text).toContain('bursar_budget_used_ratio{budget="team:research",unit="tokens"} 1')
    expect(text).not.toMatch(/Inf|NaN/)
  })
})

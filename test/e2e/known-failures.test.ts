import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { App } from '../../src/compose.ts'
import { toCallId } from '../../src/domain/ids.ts'
import { type Engine, startEngine } from '../../src/engine/engine.ts'
import type { Request } from '../../src/engine/reserve.ts'
import { createMemoryCounters } from '../../src/stores/memory/counters.ts'
import { createManualClock, type ManualClock } from '../engine/manual-clock.ts'
import { createNaiveLedger, type NaiveLedger } from '../engine/naive-ledger.ts'
import { api, configOf, KEY, post, remove, startInProcess, statusOf, tempDir } from './bursar.ts'
import { as, ask, describeKnownFailures, SCOPES } from './known-failures.contract.ts'
import { embedded } from './topologies.ts'
import { answerJson, answerSse, chatCompletion, startUpstream, type Upstream } from './upstream.ts'

/** How budgets of other gateways are known to fail, each as a test that it does not happen here. */

describeKnownFailures(embedded)

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

/** The same as behind Redis, where a connection breaks: here it is the disk that the journal is on. */
describe('a journal that breaks', () => {
  async function startEngineOver(journal: NaiveLedger): Promise<Engine> {
    const counters = createMemoryCounters({ journal, channelNames: [], onStoreDown: 'refuse', state: journal.openState() })
    let calls = 0
    const ids = { callId: () => toCallId(`call_${calls++}`) }
    const clock = createManualClock(Date.parse('2026-03-10T12:00:00Z'))
    const prices = { priceOf: () => undefined }
    const config = configOf({
      upstreamUrl: upstream.url,
      dir,
      budgets: '  - { id: global, name: G, limit: { tokens: 1M }, hard_cap: true }',
    })
    const deps = { counters, catalog: counters, journal, clock, ids, prices, holdTtlMs: 1000, onLost: 'charge' as const }
    return startEngine(deps, config.budgets)
  }

  const request: Request = {
    attributes: { key: 'k', provider: 'p', model: 'm', tags: {} },
    modelName: 'm',
    endpoint: 'chat',
    bound: { input: 40, outputMax: 60, outputMin: 60, choices: 1 },
  }

  test('it breaks between the request and its hold, and the call goes through; an error is no budget', async () => {
    const journal = createNaiveLedger()
    const engine = await startEngineOver(journal)
    journal.breakDown('no space left')
    await expect(engine.admit(request)).rejects.toMatchObject({ code: 'store_unavailable' })
    expect(await engine.standings()).toMatchObject([{ used: 0, held: 0 }])
    journal.breakDown(undefined)
    expect((await engine.admit(request)).kind).toBe('admitted')
  })

  test('a charge that fails, and a hold that can not be taken back either, are both counted; written again, twice', async () => {
    const journal = createNaiveLedger()
    const engine = await startEngineOver(journal)
    const admitted = await engine.admit(request)
    if (admitted.kind !== 'admitted') throw new Error('it has room')
    journal.breakDown('no space left')
    const usage = { kind: 'reported' as const, counts: { input: { total: 40 }, output: { total: 60 } } }
    const end = { call: admitted.call.id, endedAt: Date.now(), ending: 'done' as const, status: 200, usage }
    await Promise.all([engine.settle(end), engine.settle(end)])
    expect(await engine.standings()).toMatchObject([{ used: 100, held: 0 }])
    journal.breakDown(undefined)
    await engine.settle(end)
    expect(journal.records.filter(({ kind }) => kind === 'ended')).toHaveLength(1)
    expect(journal.openState()).toMatchObject({ accounts: [{ used: 100 }], holds: [] })
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

import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { App } from '../../src/compose.ts'
import { api, configOf, KEY, post, remove, type Setup, startInProcess, startProcess, statusOf, tempDir, until } from './bursar.ts'
import { createMovedClock, type MovedClock, type OpenTopology, type Topology } from './topologies.ts'
import { answerJson, answerSse, chatCompletion, startUpstream, type Upstream } from './upstream.ts'

export const as = (user: string) => ({ 'x-bursar-user': user, 'x-bursar-tags': 'job=night' })
export const ask = (url: string, headers: Record<string, string> = {}, body: Record<string, unknown> = {}) =>
  post(url, '/v1/chat/completions', { model: 'gpt-4o-mini', messages: [], max_tokens: 60, ...body }, headers)

/** Each way to say which calls a budget counts, as the beginning of such a budget. */
export const SCOPES: readonly (readonly [string, string])[] = [
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

/** A provider that may be told to keep its answers back. */
export interface FakeProvider extends Upstream {
  /** What its answers say was used. */
  usage: { input: number; output: number }
  /** From now on answers wait until `release`. */
  readonly keepBack: () => void
  readonly release: () => void
}

export async function startFakeProvider(): Promise<FakeProvider> {
  const usage = { input: 40, output: 60 }
  let gate = Promise.withResolvers<void>()
  gate.resolve()
  const answered = await startUpstream(async ({ path, body }, response) => {
    const { stream, model } = JSON.parse(body || '{}') as { stream?: boolean; model?: string }
    await gate.promise
    if (model === 'error') return answerJson(response, '{"error":{"message":"busy"}}', 500)
    const { input, output } = provider.usage
    if (path.endsWith('/messages')) {
      const counts = { input_tokens: input, output_tokens: output }
      return answerJson(response, JSON.stringify({ type: 'message', content: [{ type: 'text', text: 'Hi' }], usage: counts }))
    }
    if (stream !== true) return answerJson(response, chatCompletion(provider.usage))
    const counts = { prompt_tokens: input, completion_tokens: output, total_tokens: input + output }
    return answerSse(response, [{ choices: [{ index: 0, delta: { content: 'Hi' } }] }, { choices: [], usage: counts }, '[DONE]'])
  })
  const provider: FakeProvider = {
    ...answered,
    usage,
    keepBack: () => {
      gate = Promise.withResolvers<void>()
    },
    release: () => gate.resolve(),
    close: async () => {
      gate.resolve()
      await answered.close()
    },
  }
  return provider
}

interface More extends Pick<Setup, 'keys' | 'more'> {
  readonly clock?: MovedClock
  /** As YAML, behind the store's own. */
  readonly store?: string
}

/**
 * How budgets of other gateways are known to fail, each as a test that it does not happen here: caps, hierarchies, false blocks,
 * resets, rates and pages. Where several processes count together there are two of them, and the failure is looked for between them.
 */
export function describeKnownFailures(topology: Topology): void {
  describe.skipIf(topology.isMissing)(`known failures ${topology.name}`, () => {
    let open: OpenTopology
    let dir: string
    let upstream: FakeProvider
    let running: (App & { logged: string[] })[] = []

    beforeAll(async () => {
      open = await topology.open()
    })

    afterAll(() => open.close())

    beforeEach(async () => {
      dir = tempDir()
      upstream = await startFakeProvider()
    })

    afterEach(async () => {
      upstream.release()
      await closeAll()
      await upstream.close()
      await open.clear()
      remove(dir)
    })

    async function closeAll(): Promise<void> {
      await Promise.all(running.map(({ close }) => close()))
      running = []
    }

    const setupOf = (budgets: string, { keys, more, store = '' }: More): Setup => ({
      upstreamUrl: upstream.url,
      dir,
      budgets,
      store: `${open.store}${store}`,
      ...(keys === undefined ? {} : { keys }),
      ...(more === undefined ? {} : { more }),
    })

    /** One more process. */
    async function start(budgets: string, more: More = {}): Promise<string> {
      const bursar = await startInProcess(setupOf(budgets, more), more.clock)
      running.push(bursar)
      return bursar.url
    }

    /** As many processes as may count together, up to so many. */
    async function startSeveral(budgets: string, more: More = {}, most = 2): Promise<readonly [string, ...string[]]> {
      const urls: [string, ...string[]] = [await start(budgets, more)]
      while (topology.isShared && urls.length < most) urls.push(await start(budgets, more))
      return urls
    }

    async function restart(budgets: string, clock?: MovedClock): Promise<string> {
      await closeAll()
      return start(budgets, clock === undefined ? {} : { clock })
    }

    /** As an edited config file, in the first process only. */
    async function edit(budgets: string): Promise<void> {
      await running[0]?.engine.reconfigure(configOf(setupOf(budgets, {})).budgets, { actor: 'config', reason: 'an edit' })
    }

    /** So many calls at once, dealt out among the processes; the provider answers none before each of them is decided. */
    async function askAtOnce(urls: readonly string[], count: number, headers: Record<string, string> = {}): Promise<readonly Response[]> {
      const before = upstream.received.length
      let refused = 0
      upstream.keepBack()
      const answers = Array.from({ length: count }, async (_, i) => {
        const response = await ask(urls[i % urls.length] ?? '', headers)
        if (response.status !== 200) refused++
        return response
      })
      await until(() => upstream.received.length - before + refused === count)
      upstream.release()
      return Promise.all(answers)
    }

    const statuses = (answers: readonly Response[], status: number) => answers.filter((answer) => answer.status === status).length

    describe('hard caps', () => {
      test('spend is counted but the cap of some kind of scope never blocks', async () => {
        const url = await start('  []')
        for (const [scope, head] of SCOPES) {
          await edit(`  - ${head}, limit: { tokens: 150 }, hard_cap: true, near_limit: deny }`)
          expect([scope, (await ask(url, as('ann'))).status]).toEqual([scope, 200])
          const seen = upstream.received.length
          expect([scope, (await ask(url, as('ann'))).status]).toEqual([scope, 429])
          expect(upstream.received.length).toBe(seen)
        }
      })

      test('eight simultaneous first calls of an unknown user all pass a tiny default cap', async () => {
        const urls = await startSeveral(
          '  - { id: per-user, name: Users, scope: {}, each: user, limit: { usd: 0.000000001 }, hard_cap: true }',
        )
        const answers = await Promise.all(Array.from({ length: 8 }, (_, i) => ask(urls[i % urls.length] ?? '', as('new'))))
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

      test('one client dialect is not blocked by an exhausted cap', async () => {
        const url = await start('  - { id: global, name: None, limit: { tokens: 0 }, hard_cap: true }')
        const openAi = ['/v1/chat/completions', '/v1/completions', '/v1/responses', '/v1/embeddings', '/openai/v1/chat/completions']
        for (const path of [...openAi, '/v1/messages', '/anthropic/v1/messages']) {
          for (const headers of [{}, { authorization: '', 'x-api-key': KEY }, { authorization: '', 'api-key': KEY }]) {
            const response = await post(url, path, { model: 'm', max_tokens: 5, input: 'x', messages: [] }, headers)
            expect([path, response.status]).toEqual([path, 429])
          }
        }
        expect(upstream.received).toHaveLength(0)
      })

      test('a socket that was opened within the cap spends on without being asked again', async () => {
        const url = await start('  - { id: global, name: G, limit: { tokens: 1M }, hard_cap: true }')
        const response = await fetch(`${url}/v1/realtime?model=gpt-realtime`, { headers: { authorization: `Bearer ${KEY}` } })
        expect(response.status).toBe(404)
        expect(await response.json()).toMatchObject({ error: { code: 'unsupported_path' } })
      })

      test('a limit is declared, and nothing asks it', async () => {
        const url = await start('  []')
        for (const unit of ['tokens', 'usd', 'requests']) {
          await edit(`  - { id: global, name: G, limit: { ${unit}: 0 }, hard_cap: true }`)
          expect([unit, (await ask(url)).status]).toEqual([unit, 429])
        }
        expect(upstream.received).toHaveLength(0)
      })

      test.each([
        ['team', '{ id: "team:research", name: B'],
        ['session', '{ id: "tag.job:night", name: B'],
      ])('parallel calls read the sum of a %s before any of them is counted, and all pass', async (_, head) => {
        const urls = await startSeveral(`  - ${head}, limit: { tokens: 500 }, hard_cap: true, near_limit: deny }`)
        const answers = await askAtOnce(urls, 20, as('ann'))
        const admitted = statuses(answers, 200)
        expect(admitted).toBeGreaterThan(0)
        expect(admitted + statuses(answers, 429)).toBe(20)
        expect(upstream.received).toHaveLength(admitted)
        for (const url of urls) {
          const { budgets } = await api<{ budgets: { used: number; held: number }[] }>(url, 'status')
          expect(budgets).toMatchObject([{ used: 100 * admitted, held: 0 }])
        }
        expect(100 * admitted).toBeLessThanOrEqual(500)
      })

      test('a long prompt is held at the price of a short one', async () => {
        const url = await start('  - { id: global, name: G, limit: { usd: 50 }, hard_cap: true }')
        upstream.usage = { input: 200_001, output: 100 }
        upstream.keepBack()
        const content = 'x'.repeat(210_000)
        const body = { model: 'claude-sonnet-4-5', max_tokens: 100, messages: [{ role: 'user', content }] }
        const answer = post(url, '/v1/messages', body, { 'anthropic-version': '2023-06-01' })
        await until(() => upstream.received.length === 1)
        const { held } = await statusOf(url, 'global')
        upstream.release()
        expect((await answer).status).toBe(200)
        const { used } = await statusOf(url, 'global')
        expect(used).toBe((200_001 * 6 + 100 * 22.5) / 1e6)
        expect(held).toBeGreaterThanOrEqual(used)
      })

      test('a free model leads on to a paid one past an exhausted cap: no call is billed as another than it was let in as', async () => {
        const prices = 'prices: [{ model: free, input_per_mtok: 0, output_per_mtok: 0 }]'
        const budgets = '  - { id: global, name: G, limit: { usd: 0.00000001 }, hard_cap: true }'
        const url = await start(budgets, { more: prices })
        expect((await ask(url, {}, { model: 'free' })).status).toBe(200)
        expect((await ask(url)).status).toBe(429)
        expect(upstream.received).toHaveLength(1)
        const fallback = 'routes: [{ match: free, fallback: [gpt-5] }]'
        await expect(start(budgets, { more: fallback })).rejects.toThrow('not available yet')
      })
    })

    describe('hierarchy', () => {
      test("a user's cap is ignored as soon as the key has a team: every subset of exhausted levels refuses", async () => {
        const levels = ['global', 'team:research', 'project:lab', 'user:ann', 'key:tester']
        const budgets = (subset: number) =>
          levels
            .map((id, i) => `  - { id: "${id}", name: L, limit: { tokens: ${(subset >> i) % 2 === 1 ? 0 : 1_000_000} }, hard_cap: true }`)
            .join('\n')
        const urls = await startSeveral(budgets(0))
        expect((await ask(urls[0], as('ann'))).status).toBe(200)
        for (let subset = 1; subset < 2 ** levels.length; subset++) {
          await edit(budgets(subset))
          const response = await ask(urls[subset % urls.length] ?? '', as('ann'))
          expect(response.status).toBe(429)
          const { error } = (await response.json()) as { error: { budget: { id: string } } }
          expect((subset >> levels.indexOf(error.budget.id)) % 2).toBe(1)
        }
        expect(upstream.received).toHaveLength(1)
      })

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
        const clock = createMovedClock(Date.parse('2026-03-10T12:00:00Z'))
        const url = await start('  - { id: global, name: G, limit: { tokens: 1M }, period: week }', { clock })
        await ask(url)
        const before = await api<{ budgets: { period: unknown }[] }>(url, 'status')
        const later = await restart('  - { id: global, name: G, limit: { tokens: 2M }, period: week }', clock)
        const after = await api<{ budgets: { period: unknown; used: number }[] }>(later, 'status')
        expect(after.budgets[0]?.period).toEqual(before.budgets[0]?.period)
        expect(after.budgets[0]?.used).toBe(100)
        const { entries } = await api<{
          entries: { action: string; actor: string; before: { limit: number }; after: { limit: number } }[]
        }>(later, 'audit')
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

      test('the cap of a user is not enforced where the id comes by header, from the key, or not at all', async () => {
        const keys = `  - { name: tester, secret: ${KEY}, team: research, allow: [user] }
  - { name: robot, secret: bsr_robot_key_0123456789, user: robot }`
        const url = await start('  - { id: per-user, name: Users, scope: {}, each: user, limit: { requests: 1 }, hard_cap: true }', {
          keys,
        })
        const sources: Record<string, string>[] = [{ 'x-bursar-user': 'ann' }, { authorization: 'Bearer bsr_robot_key_0123456789' }, {}]
        for (const headers of sources) {
          expect((await ask(url, headers)).status).toBe(200)
          expect((await ask(url, headers)).status).toBe(429)
        }
        expect(upstream.received).toHaveLength(3)
      })

      test('each process has a counter of its own beside the one of all, which never resets', async () => {
        const clock = createMovedClock(Date.parse('2026-02-28T23:59:00Z'))
        const budgets = '  - { id: global, name: G, limit: { tokens: 250 }, hard_cap: true, near_limit: deny }'
        const urls = await startSeveral(budgets, { clock })
        const used = () => Promise.all(urls.map(async (url) => (await statusOf(url, 'global')).used))
        for (const month of [2, 3]) {
          if (month === 3) clock.jumpTo(Date.parse('2026-03-01T00:00:00Z'))
          expect((await ask(urls[0])).status).toBe(200)
          expect(await used()).toEqual(urls.map(() => 100))
          expect((await ask(urls.at(-1) ?? '')).status).toBe(200)
          expect(await used()).toEqual(urls.map(() => 200))
          for (const url of urls) expect((await ask(url)).status).toBe(429)
        }
      })

      test('an edit is in force in the process that made it, and the others keep the old limit', async () => {
        const budgets = (tokens: number) => `  - { id: global, name: G, limit: { tokens: ${tokens} }, hard_cap: true, near_limit: deny }`
        const urls = await startSeveral(budgets(1000))
        for (const url of urls) expect((await ask(url)).status).toBe(200)
        await edit(budgets(0))
        for (const url of urls) expect((await ask(url)).status).toBe(429)
        await edit(budgets(1_000_000))
        for (const url of urls) expect((await ask(url)).status).toBe(200)
        for (const url of urls) expect(await statusOf(url, 'global')).toMatchObject({ used: 200 * urls.length, limit: 1_000_000 })
      })

      test('a raise for a while is ignored for callers that were seen before, and stays when it is over', async () => {
        const budgets = (tokens: number) =>
          `  - { id: "user:ann", name: G, limit: { tokens: ${tokens} }, hard_cap: true, near_limit: deny, period: week }`
        const urls = await startSeveral(budgets(150))
        const url = urls.at(-1) ?? ''
        expect((await ask(url, as('ann'))).status).toBe(200)
        expect((await ask(url, as('ann'))).status).toBe(429)
        await edit(budgets(300))
        expect((await ask(url, as('ann'))).status).toBe(200)
        await edit(budgets(150))
        expect((await ask(url, as('ann'))).status).toBe(429)
        expect(await statusOf(url, 'user:ann')).toMatchObject({ used: 200, limit: 150 })
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
        upstream.usage = { input: 9_007_199_254_740_000, output: 60 }
        expect((await ask(url)).status).toBe(200)
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

      test('a mistyped price locks a budget until rows are deleted', async () => {
        // Room for one such call at the mistyped price, which holds 3.09 USD, and not for the same one after it was charged 0.50.
        const budgets = '  - { id: global, name: G, limit: { usd: 3.3 }, hard_cap: true, near_limit: deny }'
        const price = (usd: number) => ({ more: `prices: [{ model: own, input_per_mtok: ${usd}, output_per_mtok: ${usd} }]` })
        const url = await start(budgets, price(5000))
        expect((await ask(url, {}, { model: 'own' })).status).toBe(200)
        expect((await ask(url, {}, { model: 'own' })).status).toBe(429)
        await closeAll()
        const later = await start(budgets, price(5))
        expect((await statusOf(later, 'global')).used).toBe(0.5)
        await api(later, 'budgets/global/reset', { method: 'POST', body: JSON.stringify({ reason: 'the price was mistyped' }) })
        expect((await ask(later, {}, { model: 'own', max_tokens: 200 })).status).toBe(200)
        expect((await statusOf(later, 'global')).used).toBe(0.0005)
        expect(await api(later, 'doctor')).toMatchObject({ differences: [] })
      })
    })

    describe('resets', () => {
      test('the old sum of some kind of scope is read in the new period, and the block never ends', async () => {
        const clock = createMovedClock(Date.parse('2026-01-31T23:59:00Z'))
        const url = await start('  []', { clock })
        for (const [month, [scope, head]] of SCOPES.entries()) {
          await edit(`  - ${head}, limit: { tokens: 150 }, hard_cap: true, near_limit: deny, period: month }`)
          expect([scope, (await ask(url, as('ann'))).status]).toEqual([scope, 200])
          expect([scope, (await ask(url, as('ann'))).status]).toEqual([scope, 429])
          clock.jumpTo(Date.UTC(2026, month + 1, 1))
          expect([scope, (await ask(url, as('ann'))).status]).toEqual([scope, 200])
          expect((await api<{ budgets: unknown[] }>(url, 'status')).budgets).toMatchObject([{ used: 100 }])
          clock.jumpTo(Date.UTC(2026, month + 2, 1) - 60_000)
        }
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
        const clock = createMovedClock(Date.parse('2026-02-28T23:59:00Z'))
        const url = await start('  - { id: per-user, name: Users, scope: {}, each: user, limit: { tokens: 1M }, hard_cap: true }', {
          clock,
        })
        const bound = { input: 10, outputMax: 10, outputMin: 10, choices: 1, audioSeconds: 0 }
        const users = topology.isShared ? 400 : 3000
        for (let user = 0; user < users; user++) {
          const attributes = { user: `u${user}`, team: 'research', key: 'tester', provider: 'openai', model: 'gpt-4o-mini', tags: {} }
          const admitted = await running[0]?.engine.admit({ attributes, modelName: 'gpt-4o-mini', endpoint: 'chat', bound })
          if (admitted?.kind !== 'admitted') throw new Error('it has room')
          await running[0]?.engine.settle({ call: admitted.call.id, endedAt: clock.now(), ending: 'done', usage: 'held' })
        }
        clock.jumpTo(Date.parse('2026-03-01T00:00:00Z'))
        const over: string[] = []
        const closing = running[0]?.engine.tick().then(({ closed }) => over.push(`${closed.length} closed`))
        await ask(url, as('ann')).then(({ status }) => over.push(`answered ${status}`))
        await closing
        expect(over).toEqual(['answered 200', `${users} closed`])
      })

      test('windows reset late by the offset of the time zone', async () => {
        const clock = createMovedClock(Date.parse('2026-05-01T14:59:59Z'))
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
        const clock = createMovedClock(Date.parse('2026-02-28T23:00:00Z'))
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

      test('two processes reset the same budget, and the second erases what the new period has', async () => {
        const clock = createMovedClock(Date.parse('2026-02-28T23:00:00Z'))
        const urls = await startSeveral('  - { id: global, name: G, limit: { tokens: 1M }, hard_cap: true }', { clock }, 3)
        await Promise.all(urls.map((url) => ask(url)))
        clock.jumpTo(Date.parse('2026-03-01T00:00:01Z'))
        const asked = urls.map((url) => ask(url))
        const closing = [0, 1, 2].flatMap(() => urls.map((url) => api(url, 'close', { method: 'POST', body: '{}' })))
        await Promise.all([...asked, ...closing])
        for (const url of urls) {
          expect((await api<{ budgets: unknown[] }>(url, 'status')).budgets).toMatchObject([{ used: 100 * urls.length, held: 0 }])
          expect((await api<{ closes: unknown[] }>(url, 'history')).closes).toMatchObject([{ id: 'global', used: 100 * urls.length }])
          expect(await api(url, 'doctor')).toMatchObject({ differences: [] })
        }
      })

      test('answers that come at the boundary overwrite each other: each call is charged to the period it began in', async () => {
        const clock = createMovedClock(Date.parse('2026-02-28T23:59:59Z'))
        const urls = await startSeveral('  - { id: global, name: G, limit: { tokens: 1M }, hard_cap: true }', { clock })
        upstream.keepBack()
        const before = Array.from({ length: 6 }, (_, i) => ask(urls[i % urls.length] ?? ''))
        await until(() => upstream.received.length === 6)
        clock.jumpTo(Date.parse('2026-03-01T00:00:00Z'))
        const after = Array.from({ length: 4 }, (_, i) => ask(urls[i % urls.length] ?? ''))
        await until(() => upstream.received.length === 10)
        expect(await api(urls[0], 'close', { method: 'POST', body: '{}' })).toMatchObject({ closed: [], waiting: [{ id: 'global' }] })
        upstream.release()
        await Promise.all([...before, ...after])
        await Promise.all(urls.map((url) => api(url, 'close', { method: 'POST', body: '{}' })))
        for (const url of urls) {
          expect((await api<{ closes: unknown[] }>(url, 'history')).closes).toMatchObject([{ period: { name: '2026-02' }, used: 600 }])
          expect((await api<{ budgets: unknown[] }>(url, 'status')).budgets).toMatchObject([{ used: 400, held: 0 }])
        }
      })
    })

    describe('rates', () => {
      test('a budget of tokens counts the output only, and never counts streams', async () => {
        const url = await start('  - { id: global, name: G, limit: { tokens: 1M }, period: hour, hard_cap: true }')
        expect(await (await ask(url)).json()).toMatchObject({ usage: { total_tokens: 100 } })
        expect((await statusOf(url, 'global')).used).toBe(100)
        await (await ask(url, {}, { stream: true })).text()
        expect(await statusOf(url, 'global')).toMatchObject({ used: 200, held: 0 })
      })

      test.each(['/v1/chat/completions', '/v1/messages'])('a slot of %s leaks, and the key is wedged for an hour', async (path) => {
        const urls = await startSeveral('  - { id: "key:tester", name: K, limit: { requests: 3 }, period: hour, hard_cap: true }')
        const last = urls.at(-1) ?? ''
        const body = { model: 'm', messages: [], max_tokens: 5 }
        const gone = new AbortController()
        const headers = { authorization: `Bearer ${KEY}` }
        upstream.keepBack()
        const hangingUp = fetch(`${urls[0]}${path}`, { method: 'POST', headers, body: JSON.stringify(body), signal: gone.signal })
        const ending = [post(urls[0], path, body), post(last, path, { ...body, model: 'error' })]
        await until(() => upstream.received.length === 3)
        for (const url of urls) expect((await post(url, path, body)).status).toBe(429)
        gone.abort()
        await expect(hangingUp).rejects.toThrow()
        await until(async () => (await statusOf(last, 'key:tester')).held === 2)
        upstream.release()
        expect((await Promise.all(ending)).map(({ status }) => status)).toEqual([200, 500])
        for (const url of urls) expect(await statusOf(url, 'key:tester')).toMatchObject({ used: 2, held: 0 })
        expect((await post(last, path, body)).status).toBe(200)
        expect((await post(last, path, body)).status).toBe(429)
        expect(running.map(({ engine }) => engine.callsInFlight())).toEqual(urls.map(() => 0))
      })

      test('a slot outlives the process that was killed, and the key is wedged', async () => {
        const budgets = '  - { id: "key:tester", name: K, limit: { requests: 2 }, period: hour, hard_cap: true }'
        const setup = setupOf(budgets, { store: ', hold_ttl: 1s' })
        const killed = await startProcess(setup)
        upstream.keepBack()
        const cutOff = ask(killed.url).catch(() => undefined)
        await until(() => upstream.received.length === 1)
        await killed.kill()
        await cutOff
        const url = await start(budgets, { store: ', hold_ttl: 1s' })
        await until(async () => (await statusOf(url, 'key:tester')).held === 0)
        upstream.release()
        expect((await statusOf(url, 'key:tester')).used).toBe(1)
        expect((await ask(url)).status).toBe(200)
        expect((await ask(url)).status).toBe(429)
        expect(await api(url, 'doctor')).toMatchObject({ differences: [], calls_in_flight: 0 })
      })

      test.each([1, 3])('a limit is multiplied by the processes: %i let in as many as one', async (processes) => {
        const urls = await startSeveral('  - { id: global, name: G, limit: { requests: 7 }, period: hour, hard_cap: true }', {}, processes)
        const answers = await askAtOnce(urls, 30)
        expect([statuses(answers, 200), statuses(answers, 429), upstream.received.length]).toEqual([7, 23, 7])
      })
    })

    describe('pages and scale', () => {
      test('refusals are 400, 401, 422 or 429, and name no budget', async () => {
        const url = await start('  []')
        for (const [, head] of SCOPES) {
          await edit(`  - ${head}, limit: { requests: 0 }, hard_cap: true }`)
          const refused = await ask(url, as('ann'))
          expect(refused.status).toBe(429)
          const { error } = (await refused.json()) as { error: { code: string; budget: Record<string, unknown> } }
          expect(error.code).toBe('budget_exceeded')
          expect(error.budget).toMatchObject({ name: 'B', unit: 'requests', used: 0, held: 0, limit: 0 })
          expect(head).toContain(String(error.budget['id']))
          expect(Date.parse(String(error.budget['resets_at']))).toBeGreaterThan(Date.now())
        }
      })

      test('a page of many accounts asks the store for each of them, and calls wait for it', async () => {
        const url = await start('  - { id: per-user, name: Users, scope: {}, each: user, limit: { tokens: 1M }, hard_cap: true }')
        for (let user = 0; user < 400; user += 50) await Promise.all(Array.from({ length: 50 }, (_, i) => ask(url, as(`user-${user + i}`))))
        const asked = await open.questions()
        const pages = Array.from({ length: 3 }, () => api<{ budgets: unknown[] }>(url, 'status'))
        expect((await ask(url, as('ann'))).status).toBe(200)
        for (const { budgets } of await Promise.all(pages)) expect(budgets.length).toBeGreaterThanOrEqual(400)
        expect((await open.questions()) - asked).toBeLessThan(200)
      })

      test('the log grows without end, and cleaning up changes the totals', async () => {
        const clock = createMovedClock(Date.parse('2026-01-10T12:00:00Z'))
        const budgets = '  - { id: global, name: G, limit: { tokens: 1M }, period: year, hard_cap: true }'
        const url = await start(budgets, { clock, store: ', keep: 30d' })
        for (let i = 0; i < 5; i++) await ask(url)
        const usage = async (at: string) =>
          (await api<{ rows: { calls: number; total: number }[] }>(at, 'usage?from=2026-01-01T00:00:00Z&to=2026-12-31T00:00:00Z')).rows
        expect(await usage(url)).toMatchObject([{ calls: 5, total: 500 }])
        await closeAll()
        clock.jumpTo(Date.parse('2026-03-20T12:00:00Z'))
        const later = await start(budgets, { clock, store: ', keep: 30d' })
        await ask(later)
        await until(() => rowsOf(dir) <= 1)
        expect(await usage(later)).toMatchObject([{ calls: 6, total: 600 }])
        expect((await statusOf(later, 'global')).used).toBe(600)
        expect(await api(later, 'doctor')).toMatchObject({ differences: [] })
      })

      test('what is deleted vanishes from the reports', async () => {
        const budgets = '  - { id: global, name: G, limit: { tokens: 1M } }'
        const url = await start(`${budgets}\n  - { id: "team:research", name: R, limit: { tokens: 1M } }`)
        const made = await api<{ id: string; secret: string }>(url, 'keys', {
          method: 'POST',
          body: JSON.stringify({ name: 'robot', team: 'research' }),
        })
        expect((await ask(url, { authorization: `Bearer ${made.secret}` })).status).toBe(200)
        await api(url, `keys/${made.id}/revoke`, { method: 'POST', body: '{}' })
        await edit(budgets)
        expect((await ask(url, { authorization: `Bearer ${made.secret}` })).status).toBe(401)
        for (const restarted of [false, true]) {
          const at = restarted ? await restart(budgets) : url
          expect((await api<{ rows: unknown[] }>(at, 'usage?group_by=key,team')).rows).toMatchObject([
            { key: 'robot', team: 'research', total: 100 },
          ])
          expect((await api<{ budgets: { id: string; archived: boolean }[] }>(at, 'budgets')).budgets).toContainEqual(
            expect.objectContaining({ id: 'team:research', archived: true }),
          )
          expect((await statusOf(at, 'global')).used).toBe(100)
          expect(await api(at, 'doctor')).toMatchObject({ differences: [] })
        }
      })
    })
  })
}

/** How many calls the ledger there has. */
function rowsOf(dir: string): number {
  const ledger = new DatabaseSync(join(dir, 'data', 'ledger.db'), { readOnly: true })
  const { calls } = ledger.prepare('SELECT count(*) AS calls FROM calls').get() as { calls: number }
  ledger.close()
  return calls
}

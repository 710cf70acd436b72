import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { findProgram, REDIS_SERVER } from '../services/programs.ts'
import { useDatabases } from '../services/postgres-databases.ts'
import { startRedis } from '../services/start-redis.ts'
import type { Clock } from '../../src/engine/ports.ts'
import { systemClock } from '../../src/engine/system-clock.ts'
import { api, post, type Process, remove, type Setup, startInProcess, startProcess, statusOf, tempDir, until } from './bursar.ts'
import { ask, callsOf, type CountingUpstream, keysOf, MAX_TOKENS, startCountingUpstream, startLoad, watchRedis } from './fleet.ts'
import { startUpstream } from './upstream.ts'

/* Several processes of Bursar on one Redis, as an installation runs them. */

let dir: string
let upstream: CountingUpstream
let delayMs = 0

beforeEach(async () => {
  dir = tempDir()
  delayMs = 5
  upstream = await startCountingUpstream(() => delayMs)
})

afterEach(async () => {
  await upstream.close()
  remove(dir)
})

/** A Redis of the test's own: every installation has its keys at the same names. */
async function ownRedis(): Promise<string> {
  const redis = await startRedis()
  onTestFinished(() => redis.stop())
  return redis.url
}

async function start(setup: Setup): Promise<Process> {
  const bursar = await startProcess(setup)
  onTestFinished(() => bursar.kill())
  return bursar
}

function setupOn(store: string, budgets: string, more = ''): Setup {
  return { upstreamUrl: upstream.url, dir, store, budgets, keys: keysOf(['hard']), more, timeout: '30s' }
}

const NOTHING_WRONG = { differences: [], calls_in_flight: 0 }

describe.skipIf(findProgram(REDIS_SERVER) === undefined)('processes on one Redis', () => {
  const CAP = 200_000
  const CALLS = 2000

  /** Four processes, and more calls at once than a hard cap has room for. @returns what the provider produced, and what it is in the ledger */
  async function crowd(store: string, redis: string, ledger: string): Promise<readonly [produced: number, counted: number]> {
    const budgets = `  - { id: global, name: Global, limit: { tokens: ${CAP} }, hard_cap: true, near_limit: deny }
  - { id: "team:hard", name: Hard, limit: { tokens: 100M }, hard_cap: true }`
    const setup = setupOn(store, budgets)
    const fleet = await Promise.all(Array.from({ length: 4 }, () => start(setup)))
    const stopWatching = watchRedis(redis)
    let mostInStatus = 0
    const load = { isOver: false }
    const polling = (async () => {
      for (let i = 0; !load.isOver; i++) {
        const { used, held } = await statusOf(fleet[i % 4]?.url ?? '', 'global')
        mostInStatus = Math.max(mostInStatus, used + held)
        await delay(50)
      }
    })()
    const asked = await Promise.all(Array.from({ length: CALLS }, (_, i) => ask(fleet[i % 4]?.url ?? '', 'hard')))
    load.isOver = true
    await polling
    const watched = await stopWatching()
    const answered = asked.filter(({ status }) => status === 200)
    const refused = asked.filter(({ status }) => status === 429)
    expect(asked.filter(({ status }) => status !== 200 && status !== 429)).toEqual([])
    expect(refused.length).toBeGreaterThan(0)
    expect(refused.every(({ code, retryAfter }) => code === 'budget_exceeded' && Number(retryAfter) > 0)).toBe(true)
    expect(mostInStatus).toBeLessThanOrEqual(CAP)
    expect(watched.most.get('global')).toBeLessThanOrEqual(CAP)
    expect(watched.most.get('global')).toBeGreaterThan(CAP - 2 * MAX_TOKENS)
    expect(watched.looks).toBeGreaterThan(50)
    const produced = [...upstream.produced.values()].reduce((sum, tokens) => sum + tokens, 0)
    expect(answered.reduce((sum, { tokens }) => sum + tokens, 0)).toBe(produced)
    for (const { url } of fleet) {
      expect(await statusOf(url, 'global')).toMatchObject({ used: produced, held: 0 })
      expect(await statusOf(url, 'team:hard')).toMatchObject({ used: produced, held: 0 })
    }
    expect(await api(fleet[0]?.url ?? '', 'doctor')).toMatchObject(NOTHING_WRONG)
    const calls = await callsOf(ledger)
    expect(new Map(calls.map(({ id, tokens }) => [id, tokens]))).toEqual(new Map(answered.map(({ id, tokens }) => [id, tokens])))
    await Promise.all(fleet.map(({ stop }) => stop()))
    return [produced, calls.reduce((sum, { tokens }) => sum + tokens, 0)]
  }

  test('four with SQLite: 2,000 calls at once never pass a hard cap, and ledger, counters and provider agree to the token', async () => {
    const redis = await ownRedis()
    const [produced, counted] = await crowd(`, redis: "${redis}"`, redis, `${dir}/data`)
    expect(counted).toBe(produced)
  })

  test('a limit that is edited, a reset and a new key in one are in force in all within a second', async () => {
    const store = `, redis: "${await ownRedis()}"`
    const budgets = (limit: string) => `  - { id: "team:hard", name: Hard, limit: { tokens: ${limit} }, hard_cap: true, near_limit: deny }
  - { id: "team:new", name: New, limit: { tokens: 1M } }`
    const [first, second] = await Promise.all([start(setupOn(store, budgets('2M'))), start(setupOn(store, budgets('2M')))])
    // A second, and what a busy machine takes beside it.
    const within = { timeout: 4000, interval: 10 }
    expect((await ask(first.url, 'hard')).status).toBe(200)
    const used = (await statusOf(second.url, 'team:hard')).used
    expect(used).toBeGreaterThan(0)

    await api(first.url, 'budgets/team:hard/reset', { method: 'POST', body: '{"reason":"a new project"}' })
    await expect.poll(() => statusOf(second.url, 'team:hard').then((row) => row.used), within).toBe(0)
    expect((await ask(second.url, 'hard')).status).toBe(200)
    const rows = await Promise.all([first, second].map(({ url }) => statusOf(url, 'team:hard')))
    expect(rows[0]).toEqual(rows[1])

    const made = await api<{ secret: string; id: string }>(first.url, 'keys', {
      method: 'POST',
      body: '{"name":"made-in-first","team":"new"}',
    })
    const body = { model: 'gpt-4o-mini', messages: [{ role: 'user', content: 'x' }], max_tokens: 5 }
    const withKey = () => post(second.url, '/v1/chat/completions', body, { authorization: `Bearer ${made.secret}` })
    await expect.poll(() => withKey().then(({ status }) => status), within).toBe(200)
    await api(first.url, `keys/${made.id}/revoke`, { method: 'POST', body: '{}' })
    await expect.poll(() => withKey().then(({ status }) => status), within).toBe(401)

    const third = await start(setupOn(store, budgets('100')))
    await expect.poll(() => statusOf(first.url, 'team:hard').then((row) => row.limit), within).toBe(100)
    expect((await ask(first.url, 'hard')).status).toBe(429)
    expect((await ask(second.url, 'hard')).status).toBe(429)
    expect(await api(third.url, 'doctor')).toMatchObject(NOTHING_WRONG)
  })

  test('of many calls in all that pass a threshold one alert is delivered, and of an account that ends there is one close', async () => {
    const posts: string[] = []
    const slack = await startUpstream(({ body: text }, response) => {
      posts.push(text)
      response.end('ok')
    })
    onTestFinished(() => slack.close())
    const more = `alerts: { channels: { slack: { type: slack, url: "${slack.url}/x" } }, allow_private_urls: true }`
    const budgets = '  - { id: "team:hard", name: Hard, limit: { tokens: 40k }, alert_at: [0.5], channels: [slack] }'
    const setup = setupOn(`, redis: "${await ownRedis()}"`, budgets, more)
    const fleet = await Promise.all([start(setup), start(setup), start(setup)])
    const burst = () => Promise.all(Array.from({ length: 150 }, (_, i) => ask(fleet[i % 3]?.url ?? '', 'hard')))
    const spent = async () => (await statusOf(fleet[0].url, 'team:hard')).used
    while ((await spent()) < 20_000) await burst()
    const alertsOf = () => api<{ alerts: { threshold: number; deliveries: { state: string }[] }[] }>(fleet[1].url, 'alerts')
    await until(async () => (await alertsOf()).alerts.every(({ deliveries }) => deliveries.every(({ state }) => state === 'delivered')))
    const { alerts } = await alertsOf()
    const shares = alerts.map(({ threshold }) => threshold)
    expect(shares.length).toBeGreaterThan(0)
    expect(new Set(shares).size).toBe(shares.length)
    expect(posts.length).toBe(alerts.length)

    const used = await spent()
    await api(fleet[2].url, 'budgets/team:hard/reset', { method: 'POST', body: '{"reason":"the end of its time"}' })
    const closesOf = (url: string) => api<{ closes: { id: string; used: number }[] }>(url, 'history').then(({ closes }) => closes)
    await until(async () => (await closesOf(fleet[0].url)).length > 0)
    // Each of them looks for what has ended every second.
    const ticksSince = Date.now() + 2100
    await until(() => Date.now() > ticksSince)
    for (const { url } of fleet) expect(await closesOf(url)).toMatchObject([{ used }])
    expect(posts.length).toBe(alerts.length)
  })

  test('the end of an hour is closed once, by one of two processes whose clocks pass it together', async () => {
    const store = `, redis: "${await ownRedis()}"`
    const budgets = '  - { id: "team:hard", name: Hard, limit: { tokens: 1M }, period: hour, hard_cap: true }'
    let ahead = 0
    const clock: Clock = { ...systemClock, now: () => Date.now() + ahead }
    const pair = [await startInProcess(setupOn(store, budgets), clock), await startInProcess(setupOn(store, budgets), clock)]
    onTestFinished(async () => {
      for (const { close } of pair) await close()
    })
    const urls = pair.map(({ url }) => url)
    const outcomes = await Promise.all(urls.map((url) => ask(url, 'hard')))
    const used = outcomes.reduce((sum, { tokens }) => sum + tokens, 0)
    ahead = 3_600_000
    const closesOf = (url: string) => api<{ closes: { used: number }[] }>(url, 'history').then(({ closes }) => closes)
    for (const url of urls) await until(async () => (await closesOf(url)).length > 0)
    expect((await ask(urls[1] ?? '', 'hard')).status).toBe(200)
    await Promise.all(pair.flatMap(({ engine }) => [engine.tick(), engine.tick()]))
    for (const url of urls) expect(await closesOf(url)).toMatchObject([{ used }])
    expect(pair.flatMap(({ logged }) => logged)).toEqual([])
  })

  test('a rolling restart under load loses no call: what the process that ends does not take, another one does', async () => {
    const redis = await ownRedis()
    delayMs = 60
    const setup = setupOn(`, redis: "${redis}"`, '  - { id: "team:hard", name: Hard, limit: { tokens: 100M }, hard_cap: true }')
    const fleet = await Promise.all([start(setup), start(setup), start(setup)])
    // As a balancer does: it knows which of them answers, and sends what was not taken to another one.
    const load = startLoad(() => fleet.map(({ url }) => url), { teams: ['hard'], callersEach: 12 })
    for (const i of [0, 1, 2]) {
      const before = load.asked.length
      await until(() => load.asked.length > before + 20)
      const leaving = fleet[i]
      const stopped = leaving?.stop()
      fleet[i] = await start(setup)
      expect(await stopped).toBe(0)
    }
    await load.stop()
    const answered = load.asked.filter(({ status }) => status === 200)
    const others = load.asked.filter(({ status }) => status !== 200)
    expect(answered.length).toBeGreaterThan(60)
    // Not taken: a connection that was refused, or a 503 that says so. None of them reached the provider.
    expect(others.filter(({ status }) => status !== undefined && status !== 503)).toEqual([])
    expect(others.filter(({ name }) => upstream.produced.has(name))).toEqual([])
    const calls = await callsOf(`${dir}/data`)
    await until(async () => (await callsOf(`${dir}/data`)).length === answered.length)
    expect(calls.filter(({ kind }) => kind !== 'reported')).toEqual([])
    expect(await api(fleet[0]?.url ?? '', 'doctor')).toMatchObject(NOTHING_WRONG)
  })

  test('a ledger that was embedded goes on in Redis with what was used', async () => {
    const budgets = '  - { id: "team:hard", name: Hard, limit: { tokens: 3000 }, hard_cap: true, near_limit: deny }'
    const embedded = await start(setupOn('', budgets))
    while ((await ask(embedded.url, 'hard')).status === 200);
    const { used } = await statusOf(embedded.url, 'team:hard')
    await embedded.stop()
    const setup = setupOn(`, redis: "${await ownRedis()}"`, budgets)
    const fleet = await Promise.all([start(setup), start(setup)])
    for (const { url } of fleet) {
      expect(await statusOf(url, 'team:hard')).toMatchObject({ used, held: 0 })
      await until(async () => (await ask(url, 'hard')).status === 429)
      expect(await api(url, 'doctor')).toMatchObject(NOTHING_WRONG)
    }
    expect(await statusOf(fleet[0].url, 'team:hard')).toMatchObject({ used, held: 0 })
  })

  describe('and one Postgres', () => {
    const database = useDatabases()

    test('four with Postgres: the same', async () => {
      const redis = await ownRedis()
      const url = await database('crowd')
      const [produced, counted] = await crowd(`, redis: "${redis}", database: "${url}"`, redis, url)
      expect(counted).toBe(produced)
    })
  })
})

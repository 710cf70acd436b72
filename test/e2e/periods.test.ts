import { afterEach, beforeEach, expect, test } from 'vitest'
import { createManualClock } from '../engine/manual-clock.ts'
import { api, chat, remove, startInProcess, statusOf, tempDir } from './bursar.ts'
import { answerJson, chatCompletion, startUpstream, type Upstream } from './upstream.ts'

let dir: string
let upstream: Upstream
let release: (() => void)[] = []

beforeEach(async () => {
  dir = tempDir()
  release = []
  upstream = await startUpstream(async (request, response) => {
    const { max_tokens: max } = JSON.parse(request.body) as { max_tokens: number }
    if (max === 777) await new Promise<void>((resolve) => release.push(resolve))
    answerJson(response, chatCompletion({ input: 100, output: 100 }))
  })
})

afterEach(async () => {
  await upstream.close()
  remove(dir)
})

interface History {
  closes: { id: string; period: { name: string; start: string; end: string }; used: number; calls: number; limit: number }[]
}

const BUDGETS = `  - { id: global, name: Global, limit: { tokens: 100k }, period: month, timezone: Europe/Berlin, alert_at: [0.001], hard_cap: true }
  - { id: "team:research", name: Daily, limit: { tokens: 100k }, period: day, timezone: Europe/Berlin }`

test('a month is closed with its own name and sums, and a call in flight is charged to the month it began in', async () => {
  const clock = createManualClock(Date.parse('2026-10-31T22:59:00Z'))
  const bursar = await startInProcess({ upstreamUrl: upstream.url, dir, budgets: BUDGETS }, clock)
  await chat(bursar.url, 200)
  const slow = chat(bursar.url, 777)
  await expect.poll(() => release.length, { timeout: 10_000 }).toBe(1)
  clock.jumpTo(Date.parse('2026-10-31T23:00:05Z'))
  await bursar.engine.tick()
  expect((await api<History>(bursar.url, 'history?budget=global')).closes).toEqual([])
  await chat(bursar.url, 200)
  expect(await statusOf(bursar.url, 'global')).toMatchObject({ used: 200, held: 0 })
  release[0]?.()
  expect((await slow).status).toBe(200)
  await bursar.engine.tick()
  const { closes } = await api<History>(bursar.url, 'history?budget=global')
  expect(closes).toMatchObject([{ id: 'global', period: { name: '2026-10', end: '2026-10-31T23:00:00.000Z' }, used: 400, calls: 2 }])
  expect(await statusOf(bursar.url, 'global')).toMatchObject({ used: 200 })
  const { alerts } = await api<{ alerts: { budget: string; threshold: number }[] }>(bursar.url, 'alerts')
  expect(alerts.filter(({ budget }) => budget === 'global').map(({ threshold }) => threshold)).toEqual([0.001, 0.001])
  expect(await api(bursar.url, 'doctor')).toMatchObject({ differences: [] })
  const again = await api<{ closed: unknown[] }>(bursar.url, 'close', { method: 'POST', body: '{}' })
  expect(again.closed).toEqual([])
  await bursar.close()
})

test('days of 25 hours are closed once, and every period that ended while Bursar was down has its close', async () => {
  const setup = { upstreamUrl: upstream.url, dir, budgets: BUDGETS }
  const clock = createManualClock(Date.parse('2026-10-24T10:00:00Z'))
  const first = await startInProcess(setup, clock)
  await chat(first.url, 200)
  await first.close()
  const later = createManualClock(Date.parse('2026-11-02T10:00:00Z'))
  const second = await startInProcess(setup, later)
  const { closes } = await api<History>(second.url, 'history?budget=team:research')
  expect(closes.map(({ period }) => period.name).toSorted()).toEqual([
    '2026-10-24',
    '2026-10-25',
    '2026-10-26',
    '2026-10-27',
    '2026-10-28',
    '2026-10-29',
    '2026-10-30',
    '2026-10-31',
    '2026-11-01',
  ])
  const dst = closes.find(({ period }) => period.name === '2026-10-25')
  expect(dst?.period).toMatchObject({ start: '2026-10-24T22:00:00.000Z', end: '2026-10-25T23:00:00.000Z' })
  expect(closes.find(({ period }) => period.name === '2026-10-24')).toMatchObject({ used: 200, calls: 1 })
  expect((await api<History>(second.url, 'history?budget=global')).closes).toMatchObject([{ period: { name: '2026-10' }, used: 200 }])
  expect(await statusOf(second.url, 'global')).toMatchObject({ used: 0 })
  await second.close()
})

test.each([
  ['2026-03-28', '2026-03-29', '2026-03-28T23:00:00.000Z', '2026-03-29T22:00:00.000Z'],
  ['2026-10-24', '2026-10-25', '2026-10-24T22:00:00.000Z', '2026-10-25T23:00:00.000Z'],
])(
  'a running gateway goes from %s into a day of 23 or 25 hours and out of it, each closed with its own calls',
  async (eve, day, start, end) => {
    const clock = createManualClock(Date.parse(start) - 1)
    const bursar = await startInProcess({ upstreamUrl: upstream.url, dir, budgets: BUDGETS }, clock)
    await chat(bursar.url, 200)
    for (const at of [start, end]) {
      for (const instant of [Date.parse(at), Date.parse(at) + 3_600_000]) {
        clock.jumpTo(instant)
        await bursar.engine.tick()
        expect((await chat(bursar.url, 200)).status).toBe(200)
      }
    }
    const { closes } = await api<History>(bursar.url, 'history?budget=team:research')
    expect(closes.map(({ period, used, calls }) => [period.name, period.start, period.end, used, calls])).toEqual([
      [day, start, end, 400, 2],
      [eve, expect.any(String), start, 200, 1],
    ])
    expect(await statusOf(bursar.url, 'team:research')).toMatchObject({ used: 400 })
    expect(await api(bursar.url, 'doctor')).toMatchObject({ differences: [] })
    await bursar.close()
  },
)

test('a reset begins a new account at zero; what was used is closed, not forgotten', async () => {
  const bursar = await startInProcess({ upstreamUrl: upstream.url, dir, budgets: BUDGETS })
  await chat(bursar.url, 200)
  await api(bursar.url, 'budgets/global/reset', { method: 'POST', body: JSON.stringify({ reason: 'agreed with finance' }) })
  expect(await statusOf(bursar.url, 'global')).toMatchObject({ used: 0 })
  expect(await statusOf(bursar.url, 'team:research')).toMatchObject({ used: 200 })
  await chat(bursar.url, 200)
  await bursar.engine.tick()
  expect(await statusOf(bursar.url, 'global')).toMatchObject({ used: 200 })
  expect((await api<History>(bursar.url, 'history?budget=global')).closes).toMatchObject([{ used: 200, calls: 1 }])
  const { entries } = await api<{ entries: { action: string; reason: string }[] }>(bursar.url, 'audit')
  expect(entries.find(({ action }) => action === 'budget.reset')?.reason).toBe('agreed with finance')
  expect(await api(bursar.url, 'doctor')).toMatchObject({ differences: [] })
  await bursar.close()
})

test('an edited limit is in force after a restart, and what was used stays', async () => {
  const edited = BUDGETS.replace('tokens: 100k }, period: month', 'tokens: 300 }, period: month')
  const first = await startInProcess({ upstreamUrl: upstream.url, dir, budgets: BUDGETS })
  await chat(first.url, 200)
  await first.close()
  const second = await startInProcess({ upstreamUrl: upstream.url, dir, budgets: edited })
  expect(await statusOf(second.url, 'global')).toMatchObject({ used: 200, limit: 300 })
  const clamped = await chat(second.url, 2000, { n: 2 })
  expect(clamped.status).toBe(200)
  expect(Number(clamped.headers.get('x-bursar-max-tokens'))).toBeLessThanOrEqual(50)
  expect(JSON.parse(upstream.received.at(-1)?.body ?? '{}')).toMatchObject({
    max_tokens: Number(clamped.headers.get('x-bursar-max-tokens')),
  })
  await second.close()
})

test('a clock that jumps by half a century and back loses no call, passes no cap and leaves a ledger that adds up', async () => {
  const setup = { upstreamUrl: upstream.url, dir, budgets: BUDGETS, store: ', keep: 90d' }
  const now = Date.parse('2026-11-15T10:00:00Z')
  const clock = createManualClock(now)
  const bursar = await startInProcess(setup, clock)
  await chat(bursar.url, 200)
  const slow = chat(bursar.url, 777)
  await expect.poll(() => release.length, { timeout: 10_000 }).toBe(1)
  clock.jumpTo(Date.parse('2076-11-15T10:00:00Z'))
  await bursar.engine.tick()
  expect((await chat(bursar.url, 200)).status).toBe(200)
  clock.jumpTo(now + 5000)
  await bursar.engine.tick()
  release[0]?.()
  expect((await slow).status).toBe(200)
  expect((await chat(bursar.url, 200)).status).toBe(200)
  await bursar.engine.tick()
  expect(bursar.logged).toEqual([])
  await expect.poll(async () => (await api<{ differences: unknown[] }>(bursar.url, 'doctor')).differences).toEqual([])
  const total = (await api<{ rows: { total: number }[] }>(bursar.url, 'usage?from=2026-01-01T00:00:00Z&to=2100-01-01T00:00:00Z')).rows[0]
    ?.total
  expect(total).toBeGreaterThanOrEqual(4 * 200)
  await bursar.close()
  const again = await startInProcess(setup, clock)
  expect((await chat(again.url, 200)).status).toBe(200)
  expect(await api(again.url, 'doctor')).toMatchObject({ differences: [] })
  await again.close()
})

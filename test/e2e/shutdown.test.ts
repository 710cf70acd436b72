import { afterEach, beforeEach, expect, test } from 'vitest'
import { api, chat, remove, startProcess, statusOf, tempDir } from './bursar.ts'
import { answerJson, chatCompletion, startUpstream, type Upstream } from './upstream.ts'

let dir: string
let upstream: Upstream
let releases: (() => void)[]

beforeEach(async () => {
  dir = tempDir()
  releases = []
  upstream = await startUpstream(async (_, response) => {
    await new Promise<void>((resolve) => releases.push(resolve))
    answerJson(response, chatCompletion({ input: 10, output: 20 }))
  })
})

afterEach(async () => {
  await upstream.close()
  remove(dir)
})

const BUDGETS = '  - { id: global, name: Global, limit: { tokens: 1M }, hard_cap: true }'

test('SIGTERM lets open calls end and be charged, takes no new ones, and exits with 0', async () => {
  const bursar = await startProcess({ upstreamUrl: upstream.url, dir, budgets: BUDGETS })
  const open = chat(bursar.url, 50)
  await expect.poll(() => upstream.received.length).toBe(1)
  const stopped = bursar.stop()
  await expect.poll(() => fetch(`${bursar.url}/readyz`).then(({ status }) => status), { timeout: 10_000 }).toBe(503)
  expect((await chat(bursar.url, 50)).status).toBe(503)
  for (const release of releases) release()
  const answer = await open
  expect(answer.status).toBe(200)
  expect(await answer.json()).toMatchObject({ usage: { total_tokens: 30 } })
  expect(await stopped).toBe(0)
  const again = await startProcess({ upstreamUrl: upstream.url, dir, budgets: BUDGETS })
  expect(await statusOf(again.url, 'global')).toMatchObject({ used: 30, held: 0 })
  expect((await api<{ rows: unknown[] }>(again.url, 'usage')).rows).toMatchObject([{ calls: 1, estimated_calls: 0 }])
  await again.stop()
})

test('a second process on the same data directory is refused in one line, and changes nothing', async () => {
  const first = await startProcess({ upstreamUrl: upstream.url, dir, budgets: BUDGETS })
  await expect(startProcess({ upstreamUrl: upstream.url, dir, budgets: BUDGETS })).rejects.toThrow(/another Bursar|already|data_dir/i)
  expect(await statusOf(first.url, 'global')).toMatchObject({ used: 0 })
  await first.stop()
})

test('a config with mistakes starts nothing, and every mistake is named with its line', async () => {
  const broken = '  - { id: global, name: Global, limit: { tokens: lots }, hard_cap: maybe }\n  - { id: nowhere, name: X, perid: day }'
  await expect(startProcess({ upstreamUrl: upstream.url, dir, budgets: broken })).rejects.toThrow(
    /bursar\.yaml:\d+:\d+[\s\S]*bursar\.yaml:\d+:\d+[\s\S]*did you mean "period"/,
  )
})

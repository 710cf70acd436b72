import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, writeFileSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { api, KEY, remove, type Setup, startProcess, statusOf, tempDir, until } from './bursar.ts'
import { answerJson, chatCompletion, startUpstream, type Upstream } from './upstream.ts'

const BUDGETS = '  - { id: global, name: Global, limit: { tokens: 10M }, hard_cap: true }'
const STREAMS = 10

let dir: string
let upstream: Upstream
let releases: (() => void)[]

const chunk = (more: object) => `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', model: 'gpt-4o-mini', ...more })}\n\n`

beforeEach(async () => {
  dir = tempDir()
  releases = []
  upstream = await startUpstream(async ({ body }, response) => {
    if (!body.includes('"stream":true')) return answerJson(response, chatCompletion({ input: 10, output: 20 }))
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write(chunk({ choices: [{ index: 0, delta: { content: 'one' } }] }))
    await new Promise<void>((resolve) => releases.push(resolve))
    response.write(chunk({ choices: [], usage: { prompt_tokens: 10, completion_tokens: 20, total_tokens: 30 } }))
    response.end('data: [DONE]\n\n')
  })
})

afterEach(async () => {
  for (const release of releases) release()
  await upstream.close()
  remove(dir)
})

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  return typeof address === 'object' && address !== null ? address.port : 0
}

const agent = new Agent({ keepAlive: false })

/**
 * The status of a call, or the code of what went wrong with its connection. As the official SDKs do, it tries a connection that was
 * reset once more: one that the system has made when a process closes its listener can't be kept.
 */
async function call(port: number, isStream: boolean): Promise<number | string> {
  const first = await callOnce(port, isStream)
  return first === 'ECONNRESET' ? callOnce(port, isStream) : first
}

function callOnce(port: number, isStream: boolean): Promise<number | string> {
  const body = JSON.stringify({
    model: 'gpt-4o-mini',
    max_tokens: 50,
    stream: isStream,
    ...(isStream ? { stream_options: { include_usage: true } } : {}),
    messages: [{ role: 'user', content: 'Hi' }],
  })
  const headers = { authorization: `Bearer ${KEY}`, 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }
  return new Promise((resolve) => {
    const asked = request({ port, host: '127.0.0.1', path: '/v1/chat/completions', method: 'POST', headers, agent }, (answer) => {
      answer.resume()
      answer.on('end', () => resolve(answer.complete ? (answer.statusCode ?? 0) : 'cut'))
      answer.on('error', () => resolve('cut'))
    })
    asked.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
    asked.end(body)
  })
}

interface Load {
  readonly seen: Map<number | string, number>
  readonly end: () => Promise<void>
}

/** Calls at a steady rate until it is ended. */
function startLoad(port: number): Load {
  const seen = new Map<number | string, number>()
  const open: Promise<void>[] = []
  const timer = setInterval(() => {
    open.push(call(port, false).then((status) => void seen.set(status, (seen.get(status) ?? 0) + 1)))
  }, 20)
  return {
    seen,
    end: async () => {
      clearInterval(timer)
      await Promise.all(open)
    },
  }
}

const setupOf = (port: number): Setup => ({ upstreamUrl: upstream.url, dir, budgets: BUDGETS, port, timeout: '120s' })

test('a restart under load refuses no connection, loses no call and cuts no stream', async () => {
  const port = await freePort()
  const first = await startProcess(setupOf(port))
  const streams = Array.from({ length: STREAMS }, () => call(port, true))
  await until(() => releases.length === STREAMS)
  const load = startLoad(port)
  await until(() => (load.seen.get(200) ?? 0) > 20)

  const stopped = first.stop()
  const second = startProcess(setupOf(port))
  await until(() => existsSync(join(dir, 'data', 'successor.pid')) && (load.seen.get(503) ?? 0) > 10)
  for (const release of releases) release()
  expect(await Promise.all(streams)).toEqual(streams.map(() => 200))
  expect(await stopped).toBe(0)
  const served = await second
  const before = load.seen.get(200) ?? 0
  await until(() => (load.seen.get(200) ?? 0) > before + 20)
  await load.end()

  expect(new Set(load.seen.keys())).toEqual(new Set([200, 503]))
  const answered = (load.seen.get(200) ?? 0) + STREAMS
  await until(async () => (await statusOf(served.url, 'global')).held === 0)
  expect(await statusOf(served.url, 'global')).toMatchObject({ used: answered * 30, held: 0 })
  expect((await api<{ rows: unknown[] }>(served.url, 'usage')).rows).toMatchObject([{ calls: answered, estimated_calls: 0 }])
  await served.stop()
})

test('after kill -9 the next process answers, and what was answered is charged', async () => {
  const port = await freePort()
  const first = await startProcess(setupOf(port))
  const load = startLoad(port)
  await until(() => (load.seen.get(200) ?? 0) > 20)
  await first.kill()
  const second = await startProcess(setupOf(port))
  const before = load.seen.get(200) ?? 0
  await until(() => (load.seen.get(200) ?? 0) > before + 20)
  await load.end()
  const { used } = await statusOf(second.url, 'global')
  expect(used).toBeGreaterThanOrEqual((load.seen.get(200) ?? 0) * 30)
  await second.stop()
})

test('while it drains, it says so to callers and to who asks whether it is ready', async () => {
  const port = await freePort()
  const first = await startProcess(setupOf(port))
  const stream = call(port, true)
  await until(() => releases.length === 1)
  const stopped = first.stop()
  await until(async () => (await fetch(`${first.url}/readyz`)).status === 503)
  const refused = await fetch(`${first.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${KEY}` },
    body: '{}',
  })
  expect(refused.status).toBe(503)
  expect(refused.headers.get('retry-after')).toBe('1')
  expect(await refused.json()).toMatchObject({ error: { code: 'shutting_down' } })
  releases[0]?.()
  expect(await stream).toBe(200)
  expect(await stopped).toBe(0)
})

const BIN = new URL('../../bin/bursar.js', import.meta.url).pathname

async function listens(port: number): Promise<boolean> {
  return fetch(`http://127.0.0.1:${port}/healthz`).then(
    () => true,
    () => false,
  )
}

test('SIGHUP ends nothing', async () => {
  const served = await startProcess(setupOf(0))
  served.child.kill('SIGHUP')
  expect(await call(Number(new URL(served.url).port), false)).toBe(200)
  expect(await served.stop()).toBe(0)
})

test.skipIf(process.platform !== 'linux')('kill -9 of npm ends the server that it started', async () => {
  const port = await freePort()
  writeFileSync(
    join(dir, 'bursar.yaml'),
    `server: { port: ${port}, admin_token: bsr_admin_test_0123456789 }\nstore: { data_dir: ${dir}/data }\n`,
  )
  writeFileSync(join(dir, 'package.json'), JSON.stringify({ scripts: { start: `"${process.execPath}" "${BIN}" serve` } }))
  const npm: ChildProcess = spawn('npm', ['start'], { cwd: dir, stdio: 'ignore' })
  await until(() => listens(port))
  npm.kill('SIGKILL')
  await once(npm, 'exit')
  await until(async () => !(await listens(port)))
  expect(await listens(port)).toBe(false)
})

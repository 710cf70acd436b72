import { execFile } from 'node:child_process'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { App } from '../../src/compose.ts'
import { createManualClock } from '../engine/manual-clock.ts'
import { chat, remove, startInProcess, tempDir } from './bursar.ts'
import { answerJson, chatCompletion, startUpstream, type Upstream } from './upstream.ts'

/** The command as a user runs it: a process of its own, against a running server. */

const dir = tempDir()
let upstream: Upstream
let bursar: App

interface Ran {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

function run(args: readonly string[], env: Record<string, string> = {}): Promise<Ran> {
  const bin = new URL('../../bin/bursar.js', import.meta.url).pathname
  const { BURSAR_URL: _, BURSAR_TOKEN: __, ...own } = process.env
  return new Promise((resolve) => {
    execFile(process.execPath, [bin, ...args], { env: { ...own, ...env }, cwd: dir }, (error, stdout, stderr) => {
      resolve({ code: typeof error?.code === 'number' ? error.code : 0, stdout, stderr })
    })
  })
}

beforeAll(async () => {
  upstream = await startUpstream((_, response) => answerJson(response, chatCompletion({ input: 100, output: 700 })))
  // A third of its month is over, in which it used more than a third: when a budget runs out depends on the day.
  const clock = createManualClock(Date.parse('2026-11-11T00:00:00Z'))
  const budgets = `  - { id: global, name: Global Cap, limit: { tokens: 1000 }, alert_at: [0.5], hard_cap: true }
  - { id: money, name: Geld für KI, scope: {}, limit: { usd: 50 } }`
  bursar = await startInProcess({ upstreamUrl: upstream.url, dir, budgets }, clock)
  await chat(bursar.url, 700)
})

afterAll(async () => {
  await bursar.close()
  await upstream.close()
  remove(dir)
})

const env = () => ({ BURSAR_URL: bursar.url, BURSAR_TOKEN: 'bsr_admin_test_0123456789' })

test('status shows the most used budget first, with a bar of 20 characters and no colours off a terminal', async () => {
  const { code, stdout } = await run(['status'], env())
  expect(code).toBe(0)
  const lines = stdout.trimEnd().split('\n')
  expect(lines[0]).toMatch(/^Global Cap {3}#{16}-{4} {2}80\.0 % {2} *800 \/ 1,000 tokens {2}WARNING {2}runs out 2026-11-13 12:00 UTC$/)
  expect(lines[1]).toMatch(/^Geld für KI {2}-{20} {3}0\.0 % .*\$0\.000435 \/ \$50\.00 {2}OK/)
  expect(stdout).not.toContain('\u001B')
})

test.each([['status'], ['top', '--by', 'team'], ['history'], ['close'], ['budgets'], ['keys'], ['alerts'], ['doctor']])(
  'bursar %s %s %s answers, in words and as JSON',
  async (...args) => {
    const asked = args.filter((arg) => typeof arg === 'string')
    const words = await run(asked, env())
    expect(words).toMatchObject({ code: 0, stderr: '' })
    expect(words.stdout).not.toBe('')
    const json = await run([...asked, '--json'], env())
    expect(json.code).toBe(0)
    expect(typeof JSON.parse(json.stdout)).toBe('object')
    const help = await run([...asked.slice(0, 1), '--help'])
    expect(help.code).toBe(0)
    expect(help.stdout).toContain('Example:')
  },
)

test('a key is made, used, rotated and revoked; its secret is shown once', async () => {
  const made = JSON.parse((await run(['keys', 'create', 'batch', '--team', 'ops', '--json'], env())).stdout) as {
    id: string
    secret: string
  }
  const call = (secret: string) =>
    fetch(`${bursar.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${secret}` },
      body: '{"model":"m","max_tokens":1,"messages":[]}',
    })
  expect(made.secret).toMatch(/^bsr_/)
  expect((await call(made.secret)).status).not.toBe(401)
  expect((await run(['keys', 'list', '--json'], env())).stdout).not.toContain(made.secret)
  const rotated = JSON.parse((await run(['keys', 'rotate', made.id, '--json'], env())).stdout) as { secret: string }
  expect((await call(made.secret)).status).toBe(401)
  expect((await call(rotated.secret)).status).not.toBe(401)
  expect((await run(['keys', 'revoke', made.id], env())).code).toBe(0)
  expect((await call(rotated.secret)).status).toBe(401)
})

test('on the server’s own machine the server is found by its data directory', async () => {
  const { code, stderr } = await run(['status', '--data-dir', 'nowhere'])
  expect(code).not.toBe(0)
  expect(stderr).not.toBe('')
  const { code: failed, stderr: said } = await run(['--data-dir', '/nowhere', 'status'])
  expect(failed).toBe(1)
  expect(said).toContain('no Bursar runs from /nowhere')
})

test('a wrong call exits with 2, a failure with 1, and both say why', async () => {
  expect(await run(['statsu'])).toMatchObject({ code: 2, stderr: expect.stringContaining('status') as string })
  expect(await run(['reset', 'global'], env())).toMatchObject({ code: 2 })
  expect(await run(['reset', 'nobody', '--reason', 'x'], env())).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('no budget "nobody"') as string,
  })
  expect(await run(['status'], { BURSAR_URL: 'http://127.0.0.1:9', BURSAR_TOKEN: 'x' })).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('is it running?') as string,
  })
  expect(await run(['status'], { ...env(), BURSAR_TOKEN: 'wrong' })).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('admin token') as string,
  })
  expect(await run(['grant', 'global', '5M'])).toMatchObject({ code: 1, stderr: expect.stringContaining('not available yet') as string })
  expect(await run(['check', 'absent.yaml'])).toMatchObject({ code: 1, stderr: expect.stringContaining('bursar init') as string })
})

test('init writes a config that check finds valid, and never over one that exists', async () => {
  expect(await run(['init', 'first.yaml'])).toMatchObject({ code: 0 })
  expect(await run(['check', 'first.yaml'])).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('first.yaml is valid: 4 budgets') as string,
  })
  expect(await run(['init', 'first.yaml'])).toMatchObject({ code: 1, stderr: expect.stringContaining('exists') as string })
})

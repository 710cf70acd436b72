import { execFileSync, spawn } from 'node:child_process'
import { existsSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { once } from 'node:events'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openLedger } from '../../src/stores/sqlite/open-ledger.ts'
import { remove, startInProcess, startProcess, tempDir } from './bursar.ts'
import { startUpstream, type Upstream } from './upstream.ts'

let dir: string
let upstream: Upstream

beforeEach(async () => {
  dir = tempDir()
  upstream = await startUpstream((_, response) => void response.end())
})

afterEach(async () => {
  await upstream.close()
  remove(dir)
})

test('a start on a port that is taken ends the process, says so, and lets go of the ledger', async () => {
  const other = createServer().listen(0, '127.0.0.1')
  await once(other, 'listening')
  const { port } = other.address() as AddressInfo
  const setup = { upstreamUrl: upstream.url, dir, budgets: '  []', port }
  await expect(startProcess(setup)).rejects.toThrow(`bursar ended with 1: port ${port} on 127.0.0.1 is in use`)
  await expect(startInProcess(setup)).rejects.toThrow('EADDRINUSE')
  const ledger = await openLedger({ dataDir: `${dir}/data`, durability: 'process' })
  await ledger.close()
  await new Promise((resolve) => other.close(resolve))
})

const BIN = new URL('../../bin/bursar.js', import.meta.url).pathname

/** A start as `npm start` begins, in a directory without or with a config; resolves to what it said until `last`, or its end. */
async function startHere(port: number, last: string): Promise<{ readonly said: string; readonly stop: () => Promise<void> }> {
  const env = { ...process.env, PORT: String(port) }
  const child = spawn(process.execPath, [BIN, 'serve'], { cwd: dir, stdio: ['ignore', 'pipe', 'pipe'], env })
  const ended = once(child, 'close')
  let said = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (said += chunk.toString()))
  while (child.exitCode === null && !said.includes(last)) await Promise.race([once(child.stdout, 'data'), ended])
  if (child.exitCode !== null) await ended
  return {
    said,
    stop: async () => {
      child.kill('SIGTERM')
      await ended
    },
  }
}

const adminTokenIn = (text: string): string | undefined => /bsr_admin_[\w-]+/.exec(text)?.[0]

async function statusWith(port: number, token: string | undefined): Promise<number> {
  const response = await fetch(`http://127.0.0.1:${port}/api/v1/status`, { headers: { authorization: `Bearer ${token}` } })
  return response.status
}

test('what is shown once is shown by the first start that serves; a lost admin token is replaced while the server runs', async () => {
  const other = createServer().listen(0, '127.0.0.1')
  await once(other, 'listening')
  const { port } = other.address() as AddressInfo
  const failed = await startHere(port, 'counts at')
  expect(failed.said).toContain(`port ${port} on 127.0.0.1 is in use`)
  expect(adminTokenIn(failed.said)).toBeUndefined()
  expect(existsSync(join(dir, 'bursar.yaml'))).toBe(false)
  await new Promise((resolve) => other.close(resolve))

  const served = await startHere(port, 'npx bursar status')
  const token = adminTokenIn(served.said)
  expect(served.said).toContain('Authorization: Bearer bsr_')
  expect(await statusWith(port, token)).toBe(200)
  const reset = execFileSync(process.execPath, [BIN, 'token', 'reset'], { cwd: dir, encoding: 'utf8' })
  const next = adminTokenIn(reset)
  expect(next).not.toBe(token)
  expect([await statusWith(port, token), await statusWith(port, next)]).toEqual([401, 200])
  await served.stop()

  const again = await startHere(port, 'counts at')
  expect(await statusWith(port, next)).toBe(200)
  await again.stop()
  expect(adminTokenIn(again.said)).toBeUndefined()
})

test('a token that the config sets is not replaced by another', () => {
  writeFileSync(join(dir, 'bursar.yaml'), `server: { admin_token: bsr_admin_test_0123456789 }\nstore: { data_dir: ${dir} }\n`)
  expect(() => execFileSync(process.execPath, [BIN, 'token', 'reset'], { cwd: dir, stdio: 'pipe' })).toThrow(
    'the config sets server.admin_token',
  )
})

test('a provider that is the server itself ends the start with what to change', async () => {
  const config = `server: { port: 4123 }\nstore: { data_dir: ${dir} }\nproviders:\n  openai: { api: openai, base_url: http://localhost:4123/v1 }\n`
  writeFileSync(join(dir, 'bursar.yaml'), config)
  const { said } = await startHere(0, 'counts at')
  expect(said).toContain('providers.openai.base_url (http://localhost:4123/v1) is this Bursar itself')
})

test('a name in the config that nothing can match is noted at the start, with the likely one', async () => {
  const keys = 'keys: [{ name: k, secret: a-secret-of-20-chars, team: marketing }]'
  const budgets = 'budgets: [{ id: "team:marketting", limit: { tokens: 1 }, hard_cap: true }]'
  writeFileSync(join(dir, 'bursar.yaml'), `server: { port: 0 }\nstore: { data_dir: ${dir} }\n${keys}\n${budgets}\n`)
  const { said, stop } = await startHere(0, 'counts at')
  await stop()
  expect(said).toContain('note: budgets team:marketting: team "marketting": no key of this file has that team; did you mean "marketing"?')
})

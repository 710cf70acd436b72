import { execFileSync, spawn } from 'node:child_process'
import { appendFileSync, chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { once } from 'node:events'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { called, opened, revised } from '../../src/stores/contract/sample-records.ts'
import { lockDataDir } from '../../src/stores/sqlite/data-dir-lock.ts'
import { toLine } from '../../src/stores/sqlite/record-line.ts'
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

/** Every page's bytes are spoiled, but for those that `isSpared`. */
function spoil(path: string, isSpared: (page: number) => boolean): void {
  const bytes = readFileSync(path)
  for (let at = 1000; at < bytes.length; at += 4096) if (!isSpared(Math.floor(at / 4096))) bytes[at] = (bytes[at] ?? 0) ^ 0xff
  writeFileSync(path, bytes)
}

/** What can be wrong with `data_dir` when Bursar starts, and what it says of it. */
const BROKEN: Readonly<
  Record<string, { readonly breakIt: (dataDir: string) => void | (() => Promise<void> | void); readonly says: string }>
> = {
  'ledger.db is no database': {
    breakIt: (data) => writeFileSync(join(data, 'ledger.db'), 'x'.repeat(9000)),
    says: 'is not a SQLite database',
  },
  'ledger.db is damaged in all pages': {
    breakIt: (data) => spoil(join(data, 'ledger.db'), (page) => page === 0),
    says: 'restore data_dir',
  },
  'ledger.db is a directory': {
    breakIt: (data) => {
      rmSync(join(data, 'ledger.db'))
      mkdirSync(join(data, 'ledger.db'))
    },
    says: 'can not be opened',
  },
  'data_dir is a file': {
    breakIt: (data) => {
      rmSync(data, { recursive: true })
      writeFileSync(data, 'x')
    },
    says: 'data_dir',
  },
  'the journal is a file': {
    breakIt: (data) => {
      rmSync(join(data, 'journal'), { recursive: true })
      writeFileSync(join(data, 'journal'), 'x')
    },
    says: 'journal',
  },
  'a file of the journal is a directory': { breakIt: (data) => mkdirSync(join(data, 'journal', '0000000009.jsonl')), says: 'journal' },
  'a file of the journal is missing': {
    breakIt: (data) => writeFileSync(join(data, 'journal', '0000000009.jsonl'), 'x'),
    says: 'has a gap',
  },
  'a line of the journal is damaged': {
    breakIt: (data) => {
      const last = readdirSync(join(data, 'journal')).sort().at(-1) ?? '0000000001.jsonl'
      appendFileSync(join(data, 'journal', last), `00000000 damaged\n${toLine([revised('global')])}`)
    },
    says: 'the journal is damaged',
  },
  'another process has it': {
    breakIt: (data) => lockDataDir(data, 'exclusive'),
    says: 'is in use by another Bursar process',
  },
}

test.each(['ledger.db of an earlier version', 'nothing'])(
  'with %s in an open data_dir, all files are their owner’s only, whatever the umask',
  async (before) => {
    const data = join(dir, 'data')
    mkdirSync(data)
    chmodSync(data, 0o777)
    const umask = process.umask(0)
    try {
      if (before !== 'nothing') {
        new DatabaseSync(join(data, 'ledger.db')).exec(
          'PRAGMA journal_mode = WAL; CREATE TABLE x (y); DROP TABLE x; PRAGMA user_version = 0',
        )
        chmodSync(join(data, 'ledger.db'), 0o666)
      }
      const bursar = await startProcess({ upstreamUrl: upstream.url, dir, budgets: '  - { id: global, limit: { tokens: 1000 } }' })
      const files = readdirSync(data, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
      const open = files.map(({ parentPath, name }) => [name, (statSync(join(parentPath, name)).mode & 0o777).toString(8)])
      await bursar.stop()
      expect(files.length).toBeGreaterThanOrEqual(4)
      expect(open.filter(([, mode]) => mode !== '600')).toEqual([])
    } finally {
      process.umask(umask)
    }
  },
)

describe('a start that fails ends within seconds with code 1 and one line, and lets go of data_dir', () => {
  test.each(Object.entries(BROKEN))(
    '%s',
    async (_, { breakIt, says }) => {
      const setup = { upstreamUrl: upstream.url, dir, budgets: '  - { id: global, limit: { tokens: 1000 } }' }
      const { journal, close } = await openLedger({ dataDir: join(dir, 'data'), durability: 'process' })
      await journal.append([revised('global'), opened('global'), ...called('call-1', { charges: { global: 10 } })])
      await close()
      const undo = breakIt(join(dir, 'data'))
      const failure = await startProcess(setup).then(
        () => 'started',
        (error: unknown) => String(error),
      )
      await undo?.()
      expect(failure).toContain('bursar ended with 1: ')
      const said = failure.replace(/^.*?ended with 1: /, '').trim()
      expect(said).toContain(says)
      expect(said.split('\n').filter((line) => !line.startsWith('{'))).toHaveLength(1)
      expect(() => new DatabaseSync(join(dir, 'data', 'lock.db'), { timeout: 0 }).exec('BEGIN EXCLUSIVE')).not.toThrow(/locked/)
    },
    40_000,
  )
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

import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { once } from 'node:events'
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

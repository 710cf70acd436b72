import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { BudgetDefinition } from '../src/domain/budget.ts'
import { toBudgetId, toCallId } from '../src/domain/ids.ts'
import { BudgetBook } from '../src/engine/budget-book.ts'
import { systemClock } from '../src/engine/system-clock.ts'
import { recordStream } from '../src/stores/contract/recorded-stream.ts'
import { connectRedis } from '../src/stores/redis/connect-redis.ts'
import { createKeyNames } from '../src/stores/redis/key-names.ts'
import { startRedisCounters } from '../src/stores/redis/open-redis-store.ts'
import { createHash } from 'node:crypto'

const url = process.env['REDIS_URL'] ?? 'redis://127.0.0.1:6399'
const CALLERS = 64
const AT = Date.now()

const BARE = `
for i = 1, #KEYS do
  local row = redis.call('HMGET', KEYS[i], 'u', 'h', 'n', 'g')
  redis.call('HINCRBY', KEYS[i], 'h', ARGV[1])
end
return 1`
const bare = { name: 'bare', source: BARE, sha: createHash('sha1').update(BARE).digest('hex') }

function definition(id: string): BudgetDefinition {
  return {
    id: toBudgetId(id),
    name: id,
    scope: {},
    unit: 'tokens',
    limit: Number.MAX_SAFE_INTEGER - 1,
    period: { kind: 'month', timezone: 'UTC' },
    alertAt: [0.8],
    isHardCap: true,
    nearLimit: 'clamp',
    waitMs: 0,
    managedBy: 'file',
  }
}
const prefix = `{bench-${randomBytes(4).toString('hex')}}`
const names = createKeyNames(prefix)
const address = { kind: 'single', urls: [url] } as const
const [client, drainClient] = await Promise.all([connectRedis(address), connectRedis(address)])
const dir = mkdtempSync(join(tmpdir(), 'bench-'))
const stream = recordStream()
const ledger = { openState: async () => ({ budgets: [], accounts: [], holds: [], keys: [] }) } as never
const parts = await startRedisCounters({
  client,
  drainClient,
  names,
  clock: systemClock,
  node: 'n',
  applier: stream.applier,
  channelNames: [],
  onStoreDown: 'refuse',
  onLost: 'charge',
  onAlerts() {},
  onTrouble: console.error,
  ledger,
  spool: { append() {}, left: () => [], clear() {} },
  atTurnEnd: setImmediate,
})
const definitions = ['global', 'team:a', 'project:b', 'key:c'].map(definition)
const { version: v0 } = await parts.catalog.read()
const version = (await parts.catalog.putBudgets(definitions, { at: AT, version: v0 }))!
await parts.catalog.read()
const book = new BudgetBook({ version, budgets: definitions })
const attributes = { team: 'a', project: 'b', key: 'c', provider: 'p', model: 'm', tags: {} }
const bound = { input: 700, outputMax: 300, outputMin: 1, choices: 1 }
let ids = 0
const usage = { kind: 'reported', counts: { input: 500, output: 200 } } as const
const accounts = book.accountsOf(attributes, AT)
for (const ref of accounts) await parts.counters.open(ref)

async function ours(count: number) {
  let left = count
  const caller = async () => {
    while (left-- > 0) {
      const id = toCallId(`call_${ids++}`)
      const call = { id, admittedAt: AT, attributes, endpoint: 'bench', price: undefined }
      const outcome = await parts.counters.reserve({ call, bound, accounts, version, expiresAt: AT + 900_000 })
      if (outcome.kind !== 'held') throw new Error(outcome.kind)
      await parts.counters.settle({ call: id, endedAt: AT, ending: 'done', status: 200, usage })
    }
  }
  await Promise.all(Array.from({ length: CALLERS }, caller))
}
const keys = accounts.map((ref) => names.account(ref.key) + ':bare')
for (const key of keys) await client.call('HSET', key, 'u', 0, 'h', 0, 'n', 0, 'g', 0)
async function theirs(count: number) {
  let left = count * 2
  const caller = async () => {
    while (left-- > 0) await client.run(bare, keys, [7])
  }
  await Promise.all(Array.from({ length: CALLERS }, caller))
}
const N = 20_000
async function serverCpu() {
  const info = String(await client.call('INFO', 'cpu'))
  const of = (name: string) => Number(new RegExp(`${name}:([\\d.]+)`).exec(info)?.[1])
  return (of('used_cpu_sys') + of('used_cpu_user')) * 1e6
}
for (let round = 0; round < 3; round++) {
  for (const [name, run] of [
    ['ours', ours],
    ['bare', theirs],
  ] as const) {
    const server = await serverCpu()
    const cpu = process.cpuUsage()
    const t = performance.now()
    await run(N)
    const ms = performance.now() - t
    const used = process.cpuUsage(cpu)
    console.log(
      name,
      Math.round((N * 2) / (ms / 1000)),
      'ops/s',
      'client CPU us/op',
      ((used.user + used.system) / (N * 2)).toFixed(1),
      'server CPU us/op',
      (((await serverCpu()) - server) / (N * 2)).toFixed(1),
    )
  }
}
await parts.close()
await client.close()
await drainClient.close()
rmSync(dir, { recursive: true })

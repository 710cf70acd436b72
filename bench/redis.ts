import { type ChildProcess, fork } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { loadavg } from 'node:os'
import { startRedis } from '../test/services/start-redis.ts'
import { budgetOf, type Called, type Caller, CALLERS, startCaller } from './redis-caller.ts'

/*
 * What does Redis cost? Two questions, each against its rival in one run.
 *
 * 1. Reserve + settle over 4 accounts at 64 callers of one process, against the bare EVALSHA of a script that reads and raises
 *    the same four sums, on the same Redis. On paper a step is 1 MGET, 1 MSET, and of each call its hold and its record; what is
 *    asked in one turn shares the script's start, the round trip and the accounts.
 * 2. One hot account that carries everything, in 4 processes: decided in slices (leased) against each call in Redis (exact). On
 *    paper a leased call is additions in the process, and its record's share of one write for all that end while one is on its way:
 *    so it costs the less the more calls are in flight, which are few at 64 a process where each takes seconds at its provider.
 *
 * REDIS_URL names another Redis than one of its own; what it writes there has a prefix of its own, and is removed.
 */

const ROUNDS = Number(process.env['BENCH_ROUNDS'] ?? 5)
const PAIRS = Number(process.env['BENCH_PAIRS'] ?? 20_000)
const PROCESSES = 4
/** As a server is started (bin/bursar.js). */
const execArgv = ['--min-semi-space-size=32', '--max-semi-space-size=32']
/** Calls in flight in each of them. */
const IN_FLIGHT = [CALLERS, 4 * CALLERS, 15 * CALLERS]

const BARE = `
for i = 1, #KEYS do
  local row = redis.call('HMGET', KEYS[i], 'used', 'held', 'granted', 'limit')
  redis.call('HINCRBY', KEYS[i], 'held', ARGV[1])
end
return 1`
const bare = { name: 'bare', source: BARE, sha: createHash('sha1').update(BARE).digest('hex') }

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0
const whole = (values: readonly number[]): string => values.map((value) => Math.round(value)).join(' ')

interface Sample {
  readonly perSecond: number
  /** CPU time of the server for one step, in microseconds. */
  readonly serverUs: number
}

async function serverCpuUs({ client }: Caller): Promise<number> {
  const info = String(await client.call('INFO', 'cpu'))
  const seconds = ['used_cpu_sys', 'used_cpu_user'].map((name) => Number(new RegExp(`${name}:([\\d.]+)`).exec(info)?.[1]))
  return seconds.reduce((sum, value) => sum + value, 0) * 1e6
}

async function measure(caller: Caller, steps: number, run: () => Promise<void>): Promise<Sample> {
  const cpu = await serverCpuUs(caller)
  const start = performance.now()
  await run()
  const seconds = (performance.now() - start) / 1000
  return { perSecond: steps / seconds, serverUs: ((await serverCpuUs(caller)) - cpu) / steps }
}

async function bareSteps({ client, names, accounts }: Caller, count: number): Promise<void> {
  const keys = accounts.map(({ key }) => `${names.account(key)}:bare`)
  for (const key of keys) await client.call('HSET', key, 'used', 0, 'held', 0, 'granted', 0, 'limit', 0)
  let left = count
  const call = async () => {
    while (left-- > 0) await client.run(bare, keys, [7])
  }
  await Promise.all(Array.from({ length: CALLERS }, call))
}

async function compareSteps(url: string): Promise<void> {
  const budgets = ['global', 'team:a', 'project:b', 'key:c'].map((id) => budgetOf(id, 'exact'))
  const caller = await startCaller(url, newPrefix(), budgets)
  const ours: Sample[] = []
  const theirs: Sample[] = []
  await caller.pairs(PAIRS / 4)
  await bareSteps(caller, PAIRS / 2)
  for (let round = 0; round < ROUNDS; round++) {
    const runs = [
      async () => ours.push(await measure(caller, PAIRS * 2, () => caller.pairs(PAIRS))),
      async () => theirs.push(await measure(caller, PAIRS * 2, () => bareSteps(caller, PAIRS * 2))),
    ]
    for (const run of round % 2 === 0 ? runs : runs.toReversed()) await run()
  }
  print('reserve or settle, 4 accounts', ours)
  print('bare EVALSHA, the same sums  ', theirs)
  const ratio = median(ours.map(({ perSecond }) => perSecond)) / median(theirs.map(({ perSecond }) => perSecond))
  const byCpu = median(theirs.map(({ serverUs }) => serverUs)) / median(ours.map(({ serverUs }) => serverUs))
  console.log(`   ours / bare: ${ratio.toFixed(2)} of its steps per second; by the server's CPU time ${byCpu.toFixed(2)}`)
  console.log(`   checksum ${(await caller.used()).join(',')}`)
  await removeAll(caller)
}

function print(name: string, samples: readonly Sample[]): void {
  const perSecond = samples.map((sample) => sample.perSecond)
  const serverUs = median(samples.map((sample) => sample.serverUs))
  console.log(`${name}  ${Math.round(median(perSecond))} steps/s, ${serverUs.toFixed(1)} us server CPU a step; raw ${whole(perSecond)}`)
}

async function compareLeases(url: string, callers: number): Promise<void> {
  const rounds = Math.max(1, Math.ceil(ROUNDS / 2))
  const samples: Record<'exact' | 'leased', CallSample[]> = { exact: [], leased: [] }
  for (let round = 0; round < rounds; round++) {
    for (const kind of round % 2 === 0 ? (['exact', 'leased'] as const) : (['leased', 'exact'] as const)) {
      samples[kind].push(await sampleCalls(url, { kind, callers }))
    }
  }
  for (const kind of ['exact', 'leased'] as const) {
    const perSecond = samples[kind].map((sample) => sample.perSecond)
    const cpu = `${medianOf(samples[kind], 'processesUs').toFixed(1)} us CPU a call, and Redis ${medianOf(samples[kind], 'serverUs').toFixed(1)}`
    console.log(
      `one account, ${PROCESSES} processes with ${callers} callers, ${kind.padEnd(6)}  ${Math.round(median(perSecond))} calls/s, ${cpu}; raw ${whole(perSecond)}`,
    )
  }
  const bySpeed = medianOf(samples.leased, 'perSecond') / medianOf(samples.exact, 'perSecond')
  const cpuOf = (kind: 'exact' | 'leased') => medianOf(samples[kind], 'processesUs') + medianOf(samples[kind], 'serverUs')
  const byCpu = cpuOf('exact') / cpuOf('leased')
  console.log(
    `   leased / exact: ${bySpeed.toFixed(1)} times its calls per second; by the CPU time of all processes and Redis ${byCpu.toFixed(1)}`,
  )
}

/** Reserve + settle pairs of all processes together, and what each of them took. */
interface CallSample {
  readonly perSecond: number
  /** CPU time of the calling processes, in microseconds a call. */
  readonly processesUs: number
  readonly serverUs: number
}

function medianOf<Key extends string>(samples: readonly Readonly<Record<Key, number>>[], key: Key): number {
  return median(samples.map((sample) => sample[key]))
}

async function sampleCalls(
  url: string,
  { kind, callers }: { readonly kind: 'exact' | 'leased'; readonly callers: number },
): Promise<CallSample> {
  const prefix = newPrefix()
  const caller = await startCaller(url, prefix, [budgetOf('global', kind)])
  const path = new URL('./redis-caller.ts', import.meta.url)
  const children = Array.from({ length: PROCESSES }, () => fork(path, [url, prefix, kind, String(callers)], { execArgv }))
  await Promise.all(children.map(message))
  const serverBefore = await serverCpuUs(caller)
  const start = performance.now()
  for (const child of children) child.send('go')
  const called = await Promise.all(children.map(message))
  const seconds = (performance.now() - start) / 1000
  const serverUs = (await serverCpuUs(caller)) - serverBefore
  await removeAll(caller)
  const count = called.reduce((sum, one) => sum + one.count, 0)
  return {
    perSecond: count / seconds,
    processesUs: called.reduce((sum, one) => sum + one.cpuUs, 0) / count,
    serverUs: serverUs / count,
  }
}

/** What it says next: nothing was called where it is ready. */
function message(child: ChildProcess): Promise<Called> {
  return new Promise((resolve, reject) => {
    child.once('message', resolve)
    child.once('exit', (code) => reject(new Error(`a caller ended with ${code}`)))
  })
}

function newPrefix(): string {
  return `{bursar-bench-${randomBytes(6).toString('hex')}}`
}

async function removeAll({ client, names, close }: Caller): Promise<void> {
  await close()
  const prefix = names.meta.slice(0, names.meta.indexOf('}') + 1)
  const keys = await client.call('KEYS', `${prefix}*`)
  if (Array.isArray(keys)) for (const key of keys) await client.call('UNLINK', String(key))
}

const own = process.env['REDIS_URL'] === undefined ? await startRedis({ args: ['--appendonly', 'no', '--save', ''] }) : undefined
const url = own?.url ?? process.env['REDIS_URL'] ?? ''
console.log(`load average before: ${loadavg()[0]?.toFixed(2)}`)
await compareSteps(url)
for (const callers of IN_FLIGHT) await compareLeases(url, callers)
await own?.stop()
process.exit(0)

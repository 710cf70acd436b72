import { execFileSync, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { loadavg, tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout } from 'node:timers/promises'

/*
 * How many requests a second does the gateway pass on one core, with 4 budgets and the ledger, against a bare relay that
 * parses the same JSON, in one run? On paper a call costs the gateway, beside the relay: a key and an account look-up, a bound,
 * 8 additions, two journal lines in two writes shared by all calls of a turn, and its share of SQLite in a worker thread on the
 * same core: some 10 to 25 us on top of the relay's 50 to 60. `BENCH_BEFORE=PATH` also runs the checkout at PATH in the same turns,
 * to show what a change costs.
 */

const KEY = 'bsr_bench_key_0123456789'
/** One window of measurement: short and many, since a machine that is shared gets slower and faster within seconds. */
const SECONDS = Number(process.env['BENCH_SECONDS'] ?? 1)
const WINDOWS = Number(process.env['BENCH_ROUNDS'] ?? 21)
/** A month of a large company: 2,000 million, which a measurement does not use up. */
const LIMIT = '2000M'
/**
 * The ledger's thread takes in twice a second what was called. A window begins when it does so steadily, and the next one when it
 * is done: so each system pays for all of its own work, and for none of the other's.
 */
const SETTLE_SECONDS = 0.6
const SYSTEM_CPU = '1'
const LOAD_CPU = '0'

interface Sample {
  readonly perSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly failed: number
  /** CPU time of the system for one request, all threads, in microseconds; undefined where /proc does not tell. */
  readonly cpuUs?: number
}

const hasTaskset = canRun('taskset', ['-c', '1', 'true'])

function canRun(command: string, args: readonly string[]): boolean {
  try {
    execFileSync(command, args, { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

type Child = ReturnType<typeof start>

function start(cpu: string, file: string, args: readonly string[]) {
  const script = new URL(file, import.meta.url).pathname
  const own = [process.execPath, script, ...args]
  const [command = '', ...rest] = hasTaskset ? ['taskset', '-c', cpu, ...own] : own
  const child = spawn(command, rest, { stdio: ['pipe', 'pipe', 'inherit'] })
  return { child, lines: createInterface({ input: child.stdout })[Symbol.asyncIterator]() }
}

/** The next line that `find` makes something of. */
async function nextLine<T>({ lines }: Child, find: (line: string) => T | undefined): Promise<T> {
  for (;;) {
    const { done, value } = await lines.next()
    if (done === true) throw new Error('a process of the benchmark ended')
    const found = find(value)
    if (found !== undefined) return found
  }
}

function portOf(line: string): number | undefined {
  const { port }: { port?: number } = JSON.parse(line)
  return port
}

async function stop({ child }: Child): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGKILL')
  await ended
}

interface Case {
  readonly connections: number
  readonly answers: 'whole' | 'stream'
  readonly warmUpSeconds: { readonly bare: number; readonly gateway: number }
}

type Name = 'bare' | 'gateway' | 'before'
/** Another checkout whose gateway is measured too. */
const BEFORE = process.env['BENCH_BEFORE']
const NAMES: readonly Name[] = BEFORE === undefined ? ['bare', 'gateway'] : ['bare', 'gateway', 'before']

interface System {
  readonly process: Child
  readonly port: number
}

type Samples = Readonly<Partial<Record<Name, readonly Sample[]>>>
type Systems = Readonly<Partial<Record<Name, System>>>

/** The systems, each warm for all cases that follow. */
async function withSystems(work: (systems: Systems) => Promise<void>): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'bursar-bench-'))
  const children: Child[] = []
  const own = (child: Child) => {
    children.push(child)
    return child
  }
  try {
    const upstreamUrl = `http://127.0.0.1:${await nextLine(own(start(LOAD_CPU, './upstream.ts', [])), portOf)}`
    const bareRelay = own(start(SYSTEM_CPU, './bare-relay.ts', [upstreamUrl]))
    const startGateway = async (name: Name, bin: string): Promise<System> => {
      const process = own(start(SYSTEM_CPU, bin, ['serve', '--config', writeConfig(join(dir, name), upstreamUrl)]))
      return { process, port: await nextLine(process, portInText) }
    }
    await work({
      bare: { process: bareRelay, port: await nextLine(bareRelay, portOf) },
      gateway: await startGateway('gateway', '../bin/bursar.js'),
      ...(BEFORE === undefined ? {} : { before: await startGateway('before', join(resolve(BEFORE), 'bin/bursar.js')) }),
    })
  } finally {
    for (const child of children.toReversed()) await stop(child)
    rmSync(dir, { recursive: true, force: true })
  }
}

/**
 * The systems take turns, so that a machine which gets slower or faster meanwhile does so for both: the ratio is the median over
 * pairs of neighbouring windows.
 */
async function compare(systems: Systems, tried: Case): Promise<Samples> {
  const tries = NAMES.flatMap((name) => {
    const system = systems[name]
    return system === undefined ? [] : [{ name, system, load: startLoad(system, tried), samples: new Array<Sample>() }]
  })
  try {
    for (const { name, system, load } of tries) {
      const settleSeconds = name === 'bare' ? tried.warmUpSeconds.bare : tried.warmUpSeconds.gateway
      await measure(system, load, { settleSeconds, seconds: 0.01 })
    }
    for (let window = 0; window < WINDOWS; window++) {
      for (const { system, load, samples } of window % 2 === 0 ? tries : tries.toReversed()) {
        samples.push(await measure(system, load, { settleSeconds: SETTLE_SECONDS, seconds: SECONDS }))
        await setTimeout(SETTLE_SECONDS * 1000)
      }
    }
    return Object.fromEntries(tries.map(({ name, samples }) => [name, samples]))
  } finally {
    for (const { load } of tries) await stop(load)
  }
}

function startLoad({ port }: System, { connections, answers }: Case): Child {
  return start(LOAD_CPU, './load.ts', [String(port), String(connections), KEY, answers])
}

async function measure(
  { process }: System,
  load: Child,
  { settleSeconds, seconds }: { readonly settleSeconds: number; readonly seconds: number },
): Promise<Sample> {
  load.child.stdin.write(`${JSON.stringify({ settleMs: settleSeconds * 1000, measureMs: seconds * 1000 })}\n`)
  // From here on only: the warm-up's compiling is no cost of a request.
  await nextLine(load, (line) => (line.includes('isSettled') ? true : undefined))
  const before = cpuSeconds(process)
  const result = await nextLine(load, (line): Sample & { measured: number } => JSON.parse(line))
  return { ...result, cpuUs: Math.round(((cpuSeconds(process) - before) / result.measured) * 1e6) }
}

const TICKS_PER_SECOND = 100

/** User and system time of a process with all its threads (proc(5), fields 14 and 15). */
function cpuSeconds({ child: { pid } }: Child): number {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
    return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND
  } catch {
    return Number.NaN
  }
}

/** @returns the path of the gateway's config */
function writeConfig(dir: string, upstreamUrl: string): string {
  mkdirSync(dir, { recursive: true })
  const path = join(dir, 'bursar.yaml')
  writeFileSync(
    path,
    `
server: { port: 0 }
store: { data_dir: ./data }
providers: { openai: { api: openai, base_url: "${upstreamUrl}/v1", api_key: sk-bench } }
keys: [{ name: bench, secret: ${KEY}, team: a, project: b }]
budgets:
  - { id: global, name: Global, limit: { tokens: ${LIMIT} }, hard_cap: true }
  - { id: "team:a", name: Team, limit: { tokens: ${LIMIT} }, hard_cap: true }
  - { id: "project:b", name: Project, limit: { tokens: ${LIMIT} }, hard_cap: true }
  - { id: "key:bench", name: Key, limit: { requests: ${LIMIT} }, hard_cap: true }
`,
  )
  return path
}

function portInText(line: string): number | undefined {
  const found = /http:\/\/127\.0\.0\.1:(\d+)/.exec(line)?.[1]
  return found === undefined ? undefined : Number(found)
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0
}

function cpuOf(samples: readonly Sample[]): number {
  return median(samples.map(({ cpuUs = Number.NaN }) => cpuUs))
}

function ratioOf(own: readonly Sample[], others: readonly Sample[], share: (own: Sample, other: Sample) => number): string {
  const ratios = own.map((sample, i) => share(sample, others[i] ?? sample)).toSorted((a, b) => a - b)
  return `${median(ratios).toFixed(2)} (${ratios[0]?.toFixed(2)} to ${ratios.at(-1)?.toFixed(2)})`
}

console.log(
  `load average before the gateway's samples: ${loadavg()
    .map((load) => load.toFixed(2))
    .join(' ')}${hasTaskset ? '' : '; no taskset here: nothing is pinned to a core'}`,
)
/**
 * Bursar is more code than the bare relay: on one core its compilers are busy for some fifteen seconds, and with the ledger's
 * thread, which works twice a second, for a minute.
 */
const CASES: readonly Case[] = [
  { connections: 32, answers: 'whole', warmUpSeconds: { bare: 8, gateway: 60 } },
  { connections: 1, answers: 'whole', warmUpSeconds: { bare: 4, gateway: 4 } },
  { connections: 32, answers: 'stream', warmUpSeconds: { bare: 8, gateway: 30 } },
]

await withSystems(async (systems) => {
  for (const tried of CASES) print(tried, await compare(systems, tried))
})

function print(tried: Case, samples: Samples): void {
  for (const name of NAMES) printSamples(tried, name, samples[name] ?? [])
  for (const name of NAMES) if (name !== 'gateway') printRatio(name, samples.gateway ?? [], samples[name] ?? [])
}

function printSamples({ connections, answers }: Case, name: Name, samples: readonly Sample[]): void {
  const failed = samples.reduce((sum, { failed: count }) => sum + count, 0)
  const [perSecond, p50Ms, p99Ms] = (['perSecond', 'p50Ms', 'p99Ms'] as const).map((figure) =>
    median(samples.map((sample) => sample[figure])),
  )
  console.log(
    `${String(connections).padStart(2)} connections, ${answers.padEnd(6)} ${name.padEnd(8)} ${perSecond} requests/s, p50 ${p50Ms} ms, p99 ${p99Ms} ms, ${cpuOf(samples)} us CPU a request, ${failed} failed; raw ${samples.map((sample) => sample.perSecond).join(' ')}`,
  )
}

function printRatio(name: Name, gateway: readonly Sample[], other: readonly Sample[]): void {
  const added = median(gateway.map(({ p50Ms }) => p50Ms)) - median(other.map(({ p50Ms }) => p50Ms))
  const byCpu = ratioOf(gateway, other, (own, against) => (against.cpuUs ?? Number.NaN) / (own.cpuUs ?? Number.NaN))
  const byRequests = ratioOf(gateway, other, (own, against) => own.perSecond / against.perSecond)
  console.log(`   gateway / ${name}: ${byRequests} of its requests per second; by CPU time ${byCpu}; added p50 ${added.toFixed(3)} ms`)
}

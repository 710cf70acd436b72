import { execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout } from 'node:timers/promises'

/*
 * How many requests a second does the gateway pass on one core, with 4 budgets and the ledger, against a bare relay that
 * parses the same JSON, in one run? On paper a call costs the gateway, beside the relay: a key and an account look-up, a bound,
 * 8 additions, two journal lines in two writes shared by all calls of a turn, and its share of SQLite in a worker thread on the
 * same core: some 10 to 25 us on top of the relay's 50 to 60.
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
  readonly warmUpSeconds: Readonly<Record<Name, number>>
}

const NAMES = ['bare', 'gateway'] as const
type Name = (typeof NAMES)[number]

interface System {
  readonly process: Child
  readonly port: number
}

type Systems = Readonly<Record<Name, System>>

/** Both systems, each warm for all cases that follow. */
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
    const gateway = own(start(SYSTEM_CPU, '../bin/bursar.js', ['serve', '--config', writeConfig(dir, upstreamUrl)]))
    await work({
      bare: { process: bareRelay, port: await nextLine(bareRelay, portOf) },
      gateway: { process: gateway, port: await nextLine(gateway, portInText) },
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
async function compare(systems: Systems, tried: Case): Promise<Readonly<Record<Name, readonly Sample[]>>> {
  const loads = { bare: startLoad(systems.bare, tried), gateway: startLoad(systems.gateway, tried) }
  const samples: Record<Name, Sample[]> = { bare: [], gateway: [] }
  const sample = (name: Name, settleSeconds: number, seconds: number) => measure(systems[name], loads[name], { settleSeconds, seconds })
  try {
    for (const name of NAMES) await sample(name, tried.warmUpSeconds[name], 0.01)
    for (let window = 0; window < WINDOWS; window++) {
      const order = window % 2 === 0 ? NAMES : NAMES.toReversed()
      for (const name of order) {
        samples[name].push(await sample(name, SETTLE_SECONDS, SECONDS))
        await setTimeout(SETTLE_SECONDS * 1000)
      }
    }
    return samples
  } finally {
    for (const name of NAMES) await stop(loads[name])
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

function ratioOf(samples: Readonly<Record<Name, readonly Sample[]>>, share: (gateway: Sample, bare: Sample) => number): string {
  const ratios = samples.gateway.map((sample, i) => share(sample, samples.bare[i] ?? sample)).toSorted((a, b) => a - b)
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

function print(tried: Case, samples: Readonly<Record<Name, readonly Sample[]>>): void {
  for (const name of NAMES) {
    const failed = samples[name].reduce((sum, { failed: count }) => sum + count, 0)
    console.log(
      `${String(tried.connections).padStart(2)} connections, ${tried.answers.padEnd(6)} ${name.padEnd(8)} ${median(samples[name].map(({ perSecond }) => perSecond))} requests/s, p50 ${median(samples[name].map(({ p50Ms }) => p50Ms))} ms, p99 ${median(samples[name].map(({ p99Ms }) => p99Ms))} ms, ${cpuOf(samples[name])} us CPU a request, ${failed} failed; raw ${samples[name].map(({ perSecond }) => perSecond).join(' ')}`,
    )
  }
  const added = median(samples.gateway.map(({ p50Ms }) => p50Ms)) - median(samples.bare.map(({ p50Ms }) => p50Ms))
  const byCpu = ratioOf(samples, (gateway, bare) => (bare.cpuUs ?? Number.NaN) / (gateway.cpuUs ?? Number.NaN))
  console.log(
    `   gateway / bare: ${ratioOf(samples, (gateway, bare) => gateway.perSecond / bare.perSecond)} of its requests per second; by CPU time ${byCpu}; added p50 ${added.toFixed(3)} ms`,
  )
}

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { startHttpReceiver } from '../../src/alerts/channels/http-receiver.ts'
import { createSimulatedProvider } from '../../src/demo/simulated-provider.ts'
import { remove, startProcess, tempDir } from '../e2e/bursar.ts'
import { freePort } from '../services/server-process.ts'
import { startRedis } from '../services/start-redis.ts'
import { ANSWERS, KEYS } from './calls.ts'
import { look, type Sample, type Watched } from './gauges.ts'
import { openInspector } from './inspector.ts'
import { Operator } from './operator.ts'
import { createTraffic, type Outcome } from './traffic.ts'

export interface SoakOptions {
  readonly seconds: number
  /** Calls a second. */
  readonly rate: number
  readonly store: 'sqlite' | 'redis'
  /** Between two looks at memory. */
  readonly everySeconds: number
  /** Where the heap is written at the beginning of what is judged, and at the end; absent: nowhere. */
  readonly snapshots?: string
  /** False: code is interpreted, so that what a soak sees in the heap is data, and a short one tells much. */
  readonly isCompiled: boolean
  /** Further options of the gateway's Node. */
  readonly nodeOptions?: readonly string[]
  readonly onSample?: (sample: Sample) => void
  /** Ends it early, with what there is by then. */
  readonly signal: AbortSignal
}

export interface Endurance {
  readonly options: SoakOptions
  readonly samples: readonly Sample[]
  readonly outcomes: ReadonlyMap<Outcome, number>
  /** Messages that alerts brought. */
  readonly alerts: number
}

/** What comes before is not judged: code is compiled, and what is kept for each user fills up. */
export const WARM_UP_SHARE = 1 / 3
/** In which the gateway ends what it does after the last answer. */
const QUIET_MS = 300
const INTERPRETED = ['--no-opt', '--no-maglev', '--no-sparkplug', '--no-lazy-feedback-allocation']

type Later = (undo: () => Promise<void> | void) => void

/** Runs it, and leaves nothing behind. @throws Error where the gateway, or Redis, can't be started or ends */
export async function endure(options: SoakOptions): Promise<Endurance> {
  const undoing: (() => Promise<void> | void)[] = []
  try {
    return await soak(options, (undo) => undoing.push(undo))
  } finally {
    for (const undo of undoing.toReversed()) await undo()
  }
}

async function soak(options: SoakOptions, later: Later): Promise<Endurance> {
  const { seconds, rate, everySeconds, snapshots, onSample, signal } = options
  const { url, watched, alerts } = await start(options, later)
  const traffic = createTraffic(url, rate)
  later(traffic.close)
  const operator = new Operator(url)
  const samples: Sample[] = []
  const startedAt = performance.now()
  const elapsed = () => (performance.now() - startedAt) / 1000
  let hasSnapshot = snapshots === undefined
  while (elapsed() < seconds && !signal.aborted) {
    await Promise.all([traffic.flow(everySeconds * 1000), lookAfter(operator)])
    await new Promise((resolve) => setTimeout(resolve, QUIET_MS))
    const values = await look(watched)
    const sample = { atMs: performance.now() - startedAt, calls: traffic.calls(), values }
    samples.push(sample)
    onSample?.(sample)
    if (hasSnapshot || elapsed() < seconds * WARM_UP_SHARE) continue
    hasSnapshot = true
    writeFileSync(join(snapshots ?? '', 'begin.heapsnapshot'), await watched.inspector.snapshot())
  }
  if (snapshots !== undefined) writeFileSync(join(snapshots, 'end.heapsnapshot'), await watched.inspector.snapshot())
  return { options, samples, outcomes: traffic.outcomes, alerts: alerts() }
}

async function lookAfter(operator: Operator): Promise<void> {
  await operator.look()
  await operator.reset()
}

interface Running {
  readonly url: string
  readonly watched: Watched
  readonly alerts: () => number
}

async function start({ store, isCompiled, nodeOptions = [] }: SoakOptions, later: Later): Promise<Running> {
  const dir = tempDir()
  later(() => remove(dir))
  // Its log of slow commands, which a busy machine fills, is no data.
  const redis = store === 'redis' ? await startRedis({ args: ['--slowlog-log-slower-than', '-1'] }) : undefined
  if (redis !== undefined) later(redis.stop)
  const provider = createSimulatedProvider({
    latencyMs: 2,
    outputTokens: (seed) => 6 + (seed % 24),
    random: () => Math.random() * (ANSWERS / 1e6),
  })
  const { port } = await provider.listen()
  later(provider.close)
  // Some deliveries fail, and are tried again.
  const receiver = await startHttpReceiver((response, index) => response.writeHead(index % 10 === 3 ? 500 : 204).end())
  later(receiver.close)
  const inspectorPort = await freePort()
  const bursar = await startProcess({
    upstreamUrl: `http://127.0.0.1:${port}`,
    dir,
    store: redis === undefined ? '' : `, redis: "${redis.url}"`,
    keys: KEYS_YAML,
    budgets: BUDGETS_YAML,
    more: `alerts: { channels: { hook: { type: webhook, url: "http://127.0.0.1:${receiver.port}/hook" } }, allow_private_urls: true }`,
    timeout: '20s',
    nodeOptions: [`--inspect=127.0.0.1:${inspectorPort}`, ...(isCompiled ? [] : INTERPRETED), ...nodeOptions],
  })
  later(async () => void (await bursar.stop()))
  const inspector = await openInspector(inspectorPort)
  later(inspector.close)
  const watched = {
    pid: bursar.child.pid ?? 0,
    dataDir: join(dir, 'data'),
    inspector,
    ...(redis === undefined ? {} : { redis: redis.url }),
  }
  return { url: bursar.url, watched, alerts: () => receiver.requests.length }
}

const KEYS_YAML = `
  - { name: research, objects: all, secret: ${KEYS.research}, team: research, project: lab, allow: [user] }
  - { name: marketing, secret: ${KEYS.marketing}, team: marketing, allow: [user] }
  - { name: tight, secret: ${KEYS.tight}, team: tight, allow: [user] }
  - { name: lent, secret: ${KEYS.lent}, team: lent, allow: [user] }`

/** None of all calls: one that is leased counts in leased budgets only. */
const BUDGETS_YAML = `
  - { id: "team:research", name: Research, limit: { tokens: 1000000M }, hard_cap: true }
  - { id: per-user, name: Each user, scope: { team: research }, each: user, limit: { tokens: 6000 }, period: hour, hard_cap: true, near_limit: clamp, alert_at: [0.5, 0.9] }
  - { id: "team:marketing", name: Marketing, limit: { usd: 1000000 }, hard_cap: true }
  - { id: per-key, name: Each key, scope: { team: marketing }, each: key, limit: { tokens: 5000 }, period: hour, hard_cap: false, alert_at: [0.1, 0.5, 1] }
  - { id: tight, name: Tight, scope: { team: tight }, limit: { requests: 5 }, period: hour, hard_cap: true, wait: 50ms }
  - { id: lent, name: Lent, scope: { team: lent }, limit: { tokens: 1000000M }, hard_cap: true, enforcement: leased }`

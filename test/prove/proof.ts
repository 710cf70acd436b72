import { randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { startRedis } from '../services/start-redis.ts'
import { startTcpProxy, type TcpProxy } from '../services/tcp-proxy.ts'
import { disturb, type Faults } from './disorder.ts'
import { addressOf, EVERY_CALL, type Place, openInstallation } from './installation.ts'
import { judge, type Verdict } from './judge.ts'
import { readNotes } from './notes.ts'
import { type Counts, Member, sum } from './team.ts'
import { clearKeys, createDatabase, readCalls } from './throw-away.ts'
import { type Seen, startWatch } from './watch.ts'

export interface ProofOptions {
  /** Absent: one of its own, which has to be installed. */
  readonly redis?: string
  /** Absent: SQLite in a temporary directory. */
  readonly database?: string
  readonly processes: number
  readonly callers: number
  readonly seconds: number
  /** Ends it early, without a result. */
  readonly signal: AbortSignal
}

export interface Proof {
  readonly options: ProofOptions
  readonly prefix: string
  /** Calls that were let in. */
  readonly admitted: number
  readonly counts: Counts
  readonly faults: Faults
  readonly hasPartitions: boolean
  readonly seen: Seen
  readonly verdict: Verdict
  /** What the counters say that all calls used, in tokens. */
  readonly counted: number
  /** Sums that differ between the ledger's calls, its accounts, and the counters. */
  readonly differences: number
  /** Calls that were still in flight long after the end. */
  readonly left: number
  readonly worstRecoveryMs: number
  readonly crashes: readonly string[]
}

const CALLS_MAX = 500_000
const STOP_MS = 15_000
const SETTLED_MS = 30_000

/** Runs it, and leaves nothing behind, also where it fails. @throws Error where it can't be run */
export async function prove(options: ProofOptions): Promise<Proof> {
  const undoing: (() => Promise<void>)[] = []
  try {
    return await run(options, (undo) => undoing.push(undo))
  } finally {
    for (const undo of undoing.toReversed()) await undo()
  }
}

type Later = (undo: () => Promise<void>) => void

async function run(options: ProofOptions, later: Later): Promise<Proof> {
  const { processes, callers, seconds, signal } = options
  const place = await settle(options, later)
  const ways = await openWays(place, processes, later)
  const notesDir = join(place.dataDir, 'notes')
  mkdirSync(notesDir, { recursive: true })
  const watch = await startWatch(place)
  later(async () => void (await watch.stop()))
  const team = Array.from({ length: processes }, (_, i) => {
    const redis = redisThrough(place.redis, ways[i])
    const share = { callers: Math.ceil(callers / processes), callsMax: Math.ceil(CALLS_MAX / processes) }
    return new Member({ place: { ...place, redis }, notesDir, ...share })
  })
  const stopAll = () => Promise.all(team.map((member) => member.stop(STOP_MS)))
  later(async () => void (await stopAll()))
  const faults = await disturb({ team, ways, seconds, signal })
  await stopAll()
  const audited = await audit(place)
  const seen = await watch.stop()
  const notes = readNotes(notesDir)
  return {
    options,
    prefix: place.prefix,
    admitted: notes.size,
    counts: team.reduce((all, member) => sum(all, member.counts), { refused: 0, unavailable: 0 }),
    faults,
    hasPartitions: ways.length > 0,
    seen,
    verdict: judge(notes, await readCalls(place)),
    ...audited,
    worstRecoveryMs: Math.max(...team.map((member) => member.worstRecoveryMs)),
    crashes: team.flatMap(({ crash }) => crash ?? []),
  }
}

/** Finds or starts what it runs in. */
async function settle({ redis, database, callers }: ProofOptions, later: Later): Promise<Place> {
  const id = randomBytes(6).toString('hex')
  const dataDir = mkdtempSync(join(tmpdir(), 'bursar-prove-'))
  later(async () => rmSync(dataDir, { recursive: true, force: true }))
  const own = redis === undefined ? await startRedis() : undefined
  if (own !== undefined) later(own.stop)
  const url = redis ?? own?.url ?? ''
  if (addressOf(url).kind === 'cluster') throw new Error('a Cluster can not be tidied up by this proof: name one server, or Sentinels')
  const prefix = `{bursar-prove-${id}}`
  later(() => clearKeys(url, prefix))
  const place = { redis: url, prefix, dataDir, cap: Math.max(2000, callers * 60) }
  if (database === undefined) return place
  const made = await createDatabase(database, `bursar_prove_${id}`)
  later(made.drop)
  return { ...place, database: made.url }
}

/** A way to Redis for each process, so that each can be cut off by itself; none where the URL is not of one plain server. */
async function openWays({ redis }: Place, processes: number, later: Later): Promise<readonly TcpProxy[]> {
  if (!redis.startsWith('redis://')) return []
  const { hostname, port } = new URL(redis)
  const ways: TcpProxy[] = []
  for (let i = 0; i < processes; i++) {
    const way = await startTcpProxy({ host: hostname.replace(/^\[(.*)\]$/, '$1'), port: port === '' ? 6379 : Number(port) })
    later(way.close)
    ways.push(way)
  }
  return ways
}

function redisThrough(redis: string, way: TcpProxy | undefined): string {
  if (way === undefined) return redis
  const url = new URL(redis)
  url.hostname = '127.0.0.1'
  url.port = String(way.port)
  return url.href
}

/** Opens the installation once more, waits until what was cut off has ended, and lets it check all of its sums. */
async function audit(place: Place): Promise<Pick<Proof, 'counted' | 'differences' | 'left'>> {
  const { engine, counters, diagnose, close } = await openInstallation(place)
  try {
    const deadline = performance.now() + SETTLED_MS
    for (;;) {
      await engine.tick()
      if ((await counters.holds()).length === 0 || performance.now() > deadline) break
      await delay(200)
    }
    const { differences, callsInFlight } = await diagnose()
    const counted = (await engine.standings()).find(({ budget }) => budget.id === EVERY_CALL)?.used ?? 0
    return { counted, differences: differences.length, left: callsInFlight }
  } finally {
    await close()
  }
}

import { mkdirSync } from 'node:fs'
import { startRedis, type RedisServer } from '../services/start-redis.ts'
import { startTcpProxy, type TcpProxy } from '../services/tcp-proxy.ts'
import { api, type Process, remove, type Setup, startProcess, type StatusRow, tempDir } from './bursar.ts'
import {
  ask,
  type Asked,
  callsOf,
  type Counted,
  type CountingUpstream,
  doctorOf,
  keysOf,
  type Load,
  type Seen,
  startCountingUpstream,
  startLoad,
  watchRedis,
} from './fleet.ts'

/* Two gateways on one store, with ways to their servers that can be broken, and callers that ask all the time. */

export const CAP = 80_000
export const TEAMS = ['hard', 'soft'] as const
export type Team = (typeof TEAMS)[number]

const BUDGETS = `  - { id: "team:hard", name: Hard, limit: { tokens: ${CAP} }, hard_cap: true, near_limit: deny }
  - { id: "team:soft", name: Soft, limit: { tokens: 1000M } }`
const ENOUGH = 8
const QUICK_MS = 20

export interface StageOptions {
  /** A Postgres URL; absent: SQLite, that both gateways share. */
  readonly database?: string
  readonly onStoreDown?: 'refuse' | 'admit'
  /** YAML of `store.redis` instead of a server of the stage's own. */
  readonly redis?: string
  /** Arguments for the stage's own Redis. */
  readonly redisArgs?: readonly string[]
  /** Where the gateways keep their data, which is there already and the caller's to remove. */
  readonly dir?: string
  readonly nodeOptions?: readonly (readonly string[])[]
}

export interface Stage {
  /** Absent, with the way to it, where `redis` was told. */
  readonly redis: RedisServer
  /** One for each gateway. */
  readonly ways: readonly TcpProxy[]
  readonly gateways: Process[]
  readonly upstream: CountingUpstream
  readonly load: Load
  readonly dir: string
  /** Starts the gateway at that place again. */
  readonly restart: (at: number) => Promise<void>
  /** Ends the gateways that calls are sent to; from now on they are sent to the others. */
  readonly without: (at: number) => void
  /** Resolves once calls are in flight for long at every gateway; from the next call to `quick` on they are short again. */
  readonly busy: () => Promise<void>
  readonly quick: () => void
  /** They are sent to it again. */
  readonly back: (at: number) => void
  /** Resolves once so many more calls were answered for each team, or with other ends than that. */
  readonly more: (teams: readonly Team[], wanted?: (asked: Asked) => boolean, count?: number) => Promise<void>
  readonly finish: () => Promise<Outcome>
}

/** What came of it all. */
export interface Outcome {
  readonly asked: readonly Asked[]
  readonly calls: readonly Counted[]
  readonly produced: ReadonlyMap<string, number>
  readonly rows: readonly StatusRow[]
  readonly seen: Seen | undefined
  readonly doctor: unknown
}

type Undo = () => void | Promise<void>

/** @param onEnd takes what lets go of a part, in the order in which they were made */
export async function openStage(options: StageOptions, onEnd: (undo: Undo) => void): Promise<Stage> {
  const dir = options.dir ?? tempDir()
  if (options.dir === undefined) onEnd(() => remove(dir))
  let delayMs = QUICK_MS
  const upstream = await startCountingUpstream(() => delayMs)
  onEnd(upstream.close)
  const redis = await startRedis({ args: options.redisArgs ?? [] })
  onEnd(redis.stop)
  const ways = [await startTcpProxy({ port: redis.port }), await startTcpProxy({ port: redis.port })]
  ways.forEach((way) => onEnd(way.close))
  const setups = [0, 1].map((at) => setupOf(options, { at, dir, upstream, way: ways[at] }))
  const gateways = await Promise.all(setups.map(startProcess))
  onEnd(() => Promise.all(gateways.map(({ kill }) => kill())).then(() => undefined))
  const stopWatching = options.redis === undefined ? watchRedis(redis.url) : undefined
  let isWatched = true
  const watched = async () => {
    isWatched = false
    return stopWatching?.()
  }
  onEnd(() => (isWatched ? watched().then(() => undefined) : undefined))
  const away = new Set<number>()
  const urls = () => gateways.filter((_, at) => !away.has(at)).map(({ url }) => url)
  const load = startLoad(urls, { teams: TEAMS, callersEach: 3, pauseMs: 60 })
  onEnd(load.stop)
  return {
    redis,
    ways,
    gateways,
    upstream,
    load,
    dir,
    restart: async (at) => {
      const setup = setups[at]
      if (setup !== undefined) gateways[at] = await startProcess(setup)
      away.delete(at)
    },
    without: (at) => {
      away.add(at)
    },
    busy: async () => {
      delayMs = 800
      const before = upstream.received.length
      while (upstream.received.length < before + 2 * TEAMS.length) await pause(5)
    },
    quick: () => {
      delayMs = QUICK_MS
    },
    back: (at) => {
      away.delete(at)
    },
    more: (teams, wanted = ({ status }) => status === 200, count = ENOUGH) => untilMore(load, { teams, wanted, count }),
    finish: async () => {
      await load.stop()
      await spend(urls)
      // Twice: a lost call may end between the doctor's look at the ledger and that at the holds.
      for (let looks = 0; looks < 2; looks++) await untilWell(urls()[0] ?? '')
      const calls = await untilCounted(load, () => callsOf(options.database ?? `${dir}/data`))
      const doctor = await untilWell(urls()[0] ?? '')
      const { budgets: rows } = await api<{ budgets: StatusRow[] }>(urls()[0] ?? '', 'status')
      return { asked: load.asked, calls, produced: upstream.produced, rows, seen: await watched(), doctor }
    },
  }

  /** The rest of the cap, by many callers at once who want more than there is. */
  async function spend(to: () => readonly string[]): Promise<void> {
    const isSpent = { yes: false }
    const loops = Array.from({ length: 40 }, async (_, i) => {
      while (!isSpent.yes) {
        const outcome = await ask(to()[i % to().length] ?? '', 'hard', 2500)
        load.asked.push(outcome)
        if (outcome.status !== 200) isSpent.yes = true
      }
    })
    await Promise.all(loops)
  }
}

function setupOf(
  { database, onStoreDown = 'refuse', redis, nodeOptions = [] }: StageOptions,
  { at, dir, upstream, way }: { at: number; dir: string; upstream: CountingUpstream; way: TcpProxy | undefined },
): Setup {
  const address = redis ?? `"redis://127.0.0.1:${way?.port}"`
  const ledger = database === undefined ? '' : `, database: "${database}"`
  // With Postgres they could be on machines of their own, so they share no directory.
  const own = database === undefined ? dir : `${dir}/${at}`
  mkdirSync(own, { recursive: true })
  return {
    upstreamUrl: upstream.url,
    dir: own,
    store: `, redis: ${address}${ledger}, on_store_down: ${onStoreDown}, hold_ttl: 3s`,
    budgets: BUDGETS,
    keys: keysOf(TEAMS),
    timeout: '20s',
    nodeOptions: nodeOptions[at] ?? [],
  }
}

async function untilMore(
  load: Load,
  { teams, wanted, count }: { teams: readonly Team[]; wanted: (asked: Asked) => boolean; count: number },
): Promise<void> {
  const from = load.asked.length
  const deadline = Date.now() + 20_000
  const countOf = (team: string) => load.asked.slice(from).filter((asked) => asked.team === team && wanted(asked)).length
  while (teams.some((team) => countOf(team) < count)) {
    if (Date.now() > deadline) throw new Error(`${teams.join()}: ${teams.map(countOf).join()} of ${count}; last: ${lastOf(load)}`)
    await pause(10)
  }
}

function lastOf({ asked }: Load): string {
  return JSON.stringify(asked.slice(-6).map(({ team, status, code }) => [team, status, code]))
}

const WELL_MS_MAX = 20_000

/** Once nothing is wrong and nothing in flight; else what is, after a while. */
async function untilWell(url: string): Promise<unknown> {
  const deadline = Date.now() + WELL_MS_MAX
  for (;;) {
    const doctor = await doctorOf(url)
    const isWell = doctor?.differences.length === 0 && doctor.calls_in_flight === 0 && doctor.trouble === null
    if (isWell || Date.now() > deadline) return doctor
    await pause(100)
  }
}

/** The ledger's calls, once it has every call that was answered; else as they are after a while. */
async function untilCounted({ asked }: Load, read: () => Promise<readonly Counted[]>): Promise<readonly Counted[]> {
  const answered = asked.filter(({ status }) => status === 200)
  const deadline = Date.now() + WELL_MS_MAX
  for (;;) {
    const calls = await read()
    const known = new Set(calls.map(({ id }) => id))
    if (answered.every(({ id }) => known.has(id)) || Date.now() > deadline) return calls
    await pause(200)
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

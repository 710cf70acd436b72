import type { LedgerRecord } from '../../src/domain/record.ts'
import { createKeyNames } from '../../src/stores/redis/key-names.ts'
import { memoryDeployment, redisDeployment, SpoolDisks } from './deployments.ts'
import { Life, type World } from './life.ts'
import { type Direction, Network } from './network.ts'
import { createRandom, type Random } from './random.ts'
import { SimulatedRedis } from './redis/simulated-redis.ts'
import type { SimulatedDisk } from './simulated-journal.ts'
import { SimulatedLedger } from './simulated-ledger.ts'
import { drawSwarm, type StoreKind, type Swarm } from './swarm.ts'
import { VirtualTime, withoutReality } from './virtual-clock.ts'

export interface Outcome {
  readonly seed: number
  /** Of everything that happened: the same for the same seed. */
  readonly hash: string
  readonly admitted: number
  readonly refused: number
  readonly unavailable: number
  readonly events: number
  readonly faults: number
  /** What went wrong; undefined: every promise was kept. */
  readonly failure: Error | undefined
}

/** Lives the life of that seed. Nothing of it depends on anything else. */
export async function simulate(seed: number, store: StoreKind, isLoud = false): Promise<Outcome> {
  const random = createRandom(seed)
  const swarm = drawSwarm(random.stream('swarm'), store)
  if (isLoud) console.log(JSON.stringify(swarm))
  const time = new VirtualTime(swarm.startsAt, random.stream('order'))
  const life = new Life({ time, random: random.stream('life'), swarm, isLoud })
  const setting: Setting = { time, random: random.stream('faults'), swarm, life }
  const world = store === 'memory' ? memoryWorld(setting) : redisWorld(setting)
  let hash = ''
  let failure: Error | undefined
  try {
    hash = await withoutReality(() => life.run(world))
  } catch (error) {
    failure = error instanceof Error ? error : new Error(String(error))
  }
  const { admitted, refused, unavailable } = life.auditor
  const faults = Object.values(swarm.events).reduce((sum, count) => sum + count, 0)
  return { seed, hash, admitted, refused, unavailable, events: time.ran, faults, failure }
}

interface Setting {
  readonly time: VirtualTime
  readonly random: Random
  readonly swarm: Swarm
  readonly life: Life
}

const JUMPS_MS = [3_600_000, -3_600_000, 300_000, -300_000, 15_000, -15_000]

/** One process, its disk, and its clock. */
function memoryWorld({ time, random, swarm, life }: Setting): World {
  const disk: SimulatedDisk = { records: [], trouble: undefined, delayMs: swarm.network.delayMs }
  const readLedger = () => {
    const ledger = new SimulatedLedger(time, random)
    ledger.take(disk.records)
    return ledger
  }
  return {
    deployment: memoryDeployment({ time, disk, random, swarm, readLedger, onLoss: (records) => life.auditor.forgotten(callsIn(records)) }),
    ledger: readLedger,
    isQuiet: () => readLedger().holds.size === 0,
    look: () => [],
    heal: () => {
      disk.trouble = undefined
    },
    faults: {
      clockJump: () => {
        const clock = random.pick(life.processes).incarnation?.clock
        if (clock !== undefined) clock.offsetMs += random.pick(JUMPS_MS)
      },
      diskFull: () => {
        disk.trouble = 'the disk is full'
        time.schedule(random.next() * 10_000, () => {
          disk.trouble = undefined
        })
      },
    },
  }
}

function callsIn(records: readonly LedgerRecord[]): readonly string[] {
  return records.flatMap((record) => {
    if (record.kind === 'ended') return [record.settlement.call]
    if (record.kind === 'held') return [record.hold.call.id]
    return record.kind === 'deferred' ? [record.call] : []
  })
}

/** Processes with a Redis, a network and a database between them. */
function redisWorld(setting: Setting): World {
  const { time, random, swarm, life } = setting
  let runs = 0
  const store = { offsetMs: 0, latestMs: 0 }
  const redis = new SimulatedRedis({ now: () => Math.floor(time.now + store.offsetMs), newRunId: () => `run${++runs}` })
  const network = new Network({ time, random: random.stream('network'), redis, faults: swarm.network })
  const ledger = new SimulatedLedger(time, random.stream('database'))
  ledger.faults = swarm.database
  network.onExecute = (command, args) => life.note(`${time.now} ${command} ${args.join(' ')}`)
  const disks = new SpoolDisks()
  disks.onFull = (call) => life.auditor.forgotten([call])
  const machines = { ...setting, redis, network, ledger, disks, store }
  return {
    deployment: redisDeployment({ time, network, ledger, swarm, disks, log: (line) => life.log(line) }),
    ledger: () => ledger,
    isQuiet: () => ledger.holds.size === 0 && isStoreQuiet(redis),
    look: lookInto(redis),
    heal: () => heal(machines),
    faults: { ...storeFaults(machines), ...otherFaults(machines) },
  }
}

interface Machines extends Setting {
  readonly redis: SimulatedRedis
  readonly network: Network
  readonly ledger: SimulatedLedger
  readonly disks: SpoolDisks
  /** How far the store's clock is off, and was at most. */
  readonly store: { offsetMs: number; latestMs: number }
}

function heal({ redis, network, ledger, disks, life, store }: Machines): void {
  // A clock that was set back lets nothing expire until it has caught up.
  store.offsetMs = store.latestMs
  redis.trouble = undefined
  disks.isFull = false
  ledger.trouble = undefined
  ledger.faults = { delayMs: 1, loseReply: 0 }
  network.faults = { delayMs: 1, slow: 0, loseRequest: 0, loseReply: 0, late: 0 }
  network.startServer()
  for (const { name } of life.processes) network.heal(name, false)
}

const CALL_ID = /call_\w+?_\d+_/g

function storeFaults({ time, random, redis, network, ledger, life }: Machines): World['faults'] {
  const lose = (writes: number) => {
    const lost = redis.restart(writes)
    const calls = new Set(lost.flatMap((text) => text.match(CALL_ID) ?? []))
    life.log(`the store loses ${writes} writes, about ${calls.size} calls`)
    const known = new Set<string>(ledger.calls.keys())
    life.auditor.forgotten([...calls].filter((call) => !known.has(call)))
    network.breakAll()
  }
  return {
    storeRestart: () => {
      network.stopServer()
      time.schedule(random.next() * 5000, () => {
        redis.restart(0)
        network.startServer()
      })
    },
    storeLoss: () => lose(Math.min(redis.written, random.between(1, random.pick([5, 50, 500])))),
    storeEmpty: () => lose(redis.written),
    storeTrouble: () => {
      redis.trouble = random.pick(['OOM', 'READONLY', 'LOADING', 'TRYAGAIN'] as const)
      time.schedule(random.next() * 8000, () => {
        redis.trouble = undefined
      })
    },
    scriptFlush: () => redis.forgetScripts(),
  }
}

function otherFaults({ time, random, network, ledger, disks, store, swarm, life }: Machines): World['faults'] {
  return {
    partition: () => {
      const { name } = random.pick(life.processes)
      const directions: readonly (readonly Direction[])[] = [['to', 'from'], ['to', 'from'], ['to'], ['from']]
      network.block(name, random.pick(directions))
      time.schedule(random.next() * random.pick([1000, 5000, 30_000]), () => network.heal(name, random.chance(0.5)))
    },
    clockJump: () => {
      store.offsetMs += random.pick(JUMPS_MS)
      store.latestMs = Math.max(store.latestMs, store.offsetMs)
    },
    diskFull: () => {
      ledger.trouble = 'the disk is full'
      disks.isFull = random.chance(0.3)
      time.schedule(random.next() * 15_000, () => {
        ledger.trouble = undefined
        disks.isFull = false
      })
    },
    slowDatabase: () => {
      ledger.faults = { ...ledger.faults, delayMs: 2000 }
      time.schedule(random.next() * 15_000, () => {
        ledger.faults = swarm.database
      })
    },
  }
}

/** No call in flight, no slice of a process, and hard caps admit: made anew, it waits for all processes before. */
function isStoreQuiet({ keys }: SimulatedRedis): boolean {
  const { holds, leases, meta } = createKeyNames('{bursar}')
  const isEmpty = [holds, leases].every((name) => (keys.get(name, 'hash')?.size ?? 0) === 0)
  return isEmpty && (keys.get(meta, 'string')?.text.endsWith(' open') ?? false)
}

/** The accounts as they stand in Redis, whenever something was written. */
function lookInto(redis: SimulatedRedis): World['look'] {
  const names = createKeyNames('{bursar}')
  let seen = -1
  return () => {
    if (redis.written === seen) return []
    seen = redis.written
    return [...(redis.keys.get(names.accounts, 'zset')?.keys() ?? [])].flatMap((name) => {
      const row = Buffer.from(redis.keys.get(name, 'string')?.text ?? '', 'latin1')
      if (row.length === 0) return []
      const [used = 0, held = 0, overrun = 0] = [0, 1, 4].map((place) => row.readDoubleLE(place * 8))
      return [[names.accountIn(name), { used, held, overrun }] as const]
    })
  }
}

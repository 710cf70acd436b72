import type { LedgerRecord } from '../../src/domain/record.ts'
import type { Clock } from '../../src/engine/ports.ts'
import { createMemoryCounters } from '../../src/stores/memory/counters.ts'
import { createKeyNames } from '../../src/stores/redis/key-names.ts'
import { startRedisCounters } from '../../src/stores/redis/open-redis-store.ts'
import type { RedisClient } from '../../src/stores/redis/redis-client.ts'
import type { Spool } from '../../src/stores/redis/spool.ts'
import { openStoreClock } from '../../src/stores/redis/store-clock.ts'
import type { CountedCall } from '../../src/stores/redis/unconfirmed.ts'
import { Failure } from '../../src/engine/failure.ts'
import type { Link, Network } from './network.ts'
import type { Random } from './random.ts'
import { createSimulatedClient } from './simulated-client.ts'
import { type SimulatedDisk, SimulatedJournal } from './simulated-journal.ts'
import type { SimulatedLedger } from './simulated-ledger.ts'
import type { Deployment, Incarnation } from './simulated-process.ts'
import type { Swarm } from './swarm.ts'
import type { VirtualTime } from './virtual-clock.ts'

const CHANNELS = ['slack']

/** One process with its counters in memory, and a journal on its disk that the ledger has read when it starts. */
export function memoryDeployment(options: {
  readonly time: VirtualTime
  readonly disk: SimulatedDisk
  readonly random: Random
  readonly swarm: Swarm
  readonly readLedger: () => SimulatedLedger
  readonly onLoss: (records: readonly LedgerRecord[]) => void
}): Deployment {
  const { time, disk, random, swarm, readLedger, onLoss } = options
  const journals = new Map<string, SimulatedJournal>()
  return {
    open: async ({ name, clock }) => {
      const journal = new SimulatedJournal(disk, time)
      journals.set(name, journal)
      const state = readLedger().openState()
      const counters = createMemoryCounters({ journal, channelNames: CHANNELS, onStoreDown: swarm.onStoreDown, state })
      return { clock, counters, catalog: counters, journal, close: async () => undefined }
    },
    crash: ({ name }) => onLoss(journals.get(name)?.crash(random.next()) ?? []),
  }
}

/** Processes that share a Redis over a network and a ledger in a database. */
export function redisDeployment(options: {
  readonly time: VirtualTime
  readonly network: Network
  readonly ledger: SimulatedLedger
  readonly swarm: Swarm
  readonly disks: SpoolDisks
  readonly log: (line: string) => void
}): Deployment {
  const { time, network, ledger, swarm, disks, log } = options
  const names = createKeyNames('{bursar}')
  const links = new Map<string, readonly Link[]>()
  return {
    open: async (incarnation) => {
      const { name, clock, isAlive } = incarnation
      const own = [network.connect(processOf(name)), network.connect(processOf(name))] as const
      links.set(name, own)
      const [client, drainClient] = [createSimulatedClient(own[0]), createSimulatedClient(own[1])]
      const storeClock = await openStoreClock(client, names, clock, () => time.now)
      keepInSync(clock, storeClock.sync)
      const store = await startRedisCounters({
        client,
        drainClient,
        names,
        clock: storeClock,
        monotonic: () => time.now,
        node: name,
        spool: disks.open(incarnation),
        atTurnEnd: (run) => void clock.after(0, run),
        channelNames: CHANNELS,
        onStoreDown: swarm.onStoreDown,
        onLost: swarm.onLost,
        holdTtlMs: swarm.holdTtlMs,
        onAlerts: () => undefined,
        onTrouble: (message) => log(`${name}: ${message}`),
        ...ledger.connect(isAlive),
      })
      return { ...store, close: () => closed(store.close, [client, drainClient]) }
    },
    crash: ({ name }) => {
      for (const link of links.get(name) ?? []) network.drop(link)
    },
  }
}

/** The machine's name: a process comes back on the same one. */
function processOf(incarnation: string): string {
  return incarnation.slice(0, 2)
}

async function closed(close: () => Promise<void>, clients: readonly RedisClient[]): Promise<void> {
  await close()
  for (const client of clients) await client.close()
}

function keepInSync(clock: Clock, sync: () => Promise<void>): void {
  clock.after(SYNC_MS, () => {
    void sync().catch(() => undefined)
    keepInSync(clock, sync)
  })
}

const SYNC_MS = 1000

/** The spools of all machines, which outlive their processes. */
export class SpoolDisks {
  readonly #files = new Map<string, string[]>()
  isFull = false
  /** Hears of what only the memory of a process has. */
  onFull: (call: string) => void = () => undefined

  open({ name }: Incarnation): Spool {
    const own = `${processOf(name)}/${name}`
    const orphans = [...this.#files.keys()].filter((file) => file.startsWith(`${processOf(name)}/`) && file !== own)
    return {
      append: (counted) => {
        if (this.isFull) {
          this.onFull(counted.settlement.call)
          throw new Failure('store_unavailable', 'the disk is full')
        }
        this.#files.set(own, [...(this.#files.get(own) ?? []), JSON.stringify(counted)])
      },
      left: () => orphans.flatMap((file) => this.#files.get(file) ?? []).map((line) => JSON.parse(line) as CountedCall),
      clear: () => {
        for (const file of [own, ...orphans.splice(0)]) this.#files.delete(file)
      },
    }
  }
}

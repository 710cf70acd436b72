import type { Config } from './config/config.ts'
import type { Catalog, Clock, Counters, Journal, Ledger, OpenState, Retention } from './engine/ports.ts'
import { createMemoryCounters } from './stores/memory/counters.ts'
import { openLedger } from './stores/sqlite/open-ledger.ts'
import type { StreamLedger } from './stores/stream-applier.ts'

/** Where a Bursar keeps what it counts. */
export interface Store {
  /** What time it is for everything that is counted. */
  readonly clock: Clock
  readonly counters: Counters
  readonly catalog: Catalog
  readonly journal: Journal
  readonly ledger: Ledger
  readonly retention: Retention
  /** What keeps the ledger from following though records are durable; undefined: nothing. */
  readonly ledgerTrouble: () => string | undefined
  /** Whether this process does now what one process does for all: deliver alerts, ask for jobs, drop old calls. */
  readonly isMyTurn: () => Promise<boolean>
  /** Writes everything down, and lets go. */
  readonly close: () => Promise<void>
}

export interface StoreOptions {
  readonly store: Config['store']
  /** Absent: this machine's, or the one of the store that processes share. */
  readonly clock?: Clock
  /** What timers run on, and this machine's time. */
  readonly base: Clock
  /** Names of the channels that owe deliveries of alerts. */
  readonly channelNames: readonly string[]
  /** Called when the ledger has stored new alerts. */
  readonly onAlerts: () => void
  readonly onTrouble: (message: string) => void
}

/**
 * Opens the store that the config asks for, as it was left; what a process that died left in a journal is taken in first.
 * @throws Failure store_unavailable
 */
export function openStore(options: StoreOptions): Promise<Store> {
  return options.store.redis === undefined ? openEmbedded(options) : openShared(options, options.store.redis)
}

async function openEmbedded({ store, clock, base, channelNames, onAlerts, onTrouble }: StoreOptions): Promise<Store> {
  const { dataDir, durability, onStoreDown } = store
  const time = clock ?? base
  const { journal, ledger, ledgerTrouble, retention, close } = await openLedger({ dataDir, durability, clock: time, onAlerts, onTrouble })
  const counters = await countersOf(ledger, (state) => createMemoryCounters({ journal, channelNames, onStoreDown, state })).catch(
    async (error: unknown) => {
      await close()
      throw error
    },
  )
  return { clock: time, counters, catalog: counters, journal, ledger, ledgerTrouble, retention, isMyTurn: async () => true, close }
}

async function countersOf<T>(ledger: Ledger, create: (state: OpenState) => T): Promise<T> {
  return create(await ledger.openState())
}

/** Drivers of servers are loaded only where there are servers. */
async function openShared(options: StoreOptions, address: NonNullable<Config['store']['redis']>): Promise<Store> {
  const { store, clock, ...others } = options
  const { openRedisStore } = await import('./stores/redis/open-redis-store.ts')
  const streamed = await openStreamLedger(options)
  try {
    const { dataDir, onStoreDown, onLost, holdTtlMs } = store
    const { ledger, applier, retention } = streamed
    const { turn, ...shared } = await openRedisStore({
      ...others,
      ...(clock === undefined ? {} : { clock }),
      address,
      dataDir,
      onStoreDown,
      onLost,
      holdTtlMs,
      ledger,
      applier,
    })
    const close = async () => {
      await shared.close()
      await streamed.close()
    }
    // What keeps the stream's ledger from following is told by its journal.
    return { ...shared, ledgerTrouble: () => undefined, retention, isMyTurn: turn.isMine, close }
  } catch (error) {
    await streamed.close()
    throw error
  }
}

async function openStreamLedger({ store, onTrouble }: StoreOptions): Promise<StreamLedger> {
  if (store.database === undefined) {
    const { openSqliteStreamLedger } = await import('./stores/sqlite/open-stream-ledger.ts')
    return openSqliteStreamLedger({ dataDir: store.dataDir, onTrouble })
  }
  const { openPostgresLedger } = await import('./stores/postgres/open-postgres-ledger.ts')
  return openPostgresLedger({ url: store.database, onTrouble })
}

import type { Config } from './config/config.ts'
import type { Catalog, Clock, Counters, Journal, Ledger } from './engine/ports.ts'
import { createMemoryCounters } from './stores/memory/counters.ts'
import { openLedger } from './stores/sqlite/open-ledger.ts'

/** Where a Bursar keeps what it counts. */
export interface Store {
  readonly counters: Counters
  readonly catalog: Catalog
  readonly journal: Journal
  readonly ledger: Ledger
  /** Writes everything down, and lets go. */
  readonly close: () => Promise<void>
}

export interface StoreOptions {
  readonly store: Config['store']
  readonly clock: Clock
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
export async function openStore(options: StoreOptions): Promise<Store> {
  const { store, clock, channelNames, onAlerts, onTrouble } = options
  const { journal, ledger, close } = await openLedger({
    dataDir: store.dataDir,
    durability: store.durability,
    clock,
    onAlerts,
    onTrouble,
  })
  const state = await ledger.openState()
  const counters = createMemoryCounters({ journal, channelNames, onStoreDown: store.onStoreDown, state })
  return { counters, catalog: counters, journal, ledger, close }
}

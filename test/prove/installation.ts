import { readRedis } from '../../src/config/redis-address.ts'
import type { BudgetDefinition } from '../../src/domain/budgets/budget.ts'
import { toBudgetId } from '../../src/domain/ids.ts'
import { createCallIds } from '../../src/engine/call-ids.ts'
import { diagnose, type Diagnosis } from '../../src/engine/doctor.ts'
import { type Engine, startEngine } from '../../src/engine/engine.ts'
import type { Counters } from '../../src/engine/ports.ts'
import { systemClock } from '../../src/engine/system-clock.ts'
import { openPostgresLedger } from '../../src/stores/postgres/open-postgres-ledger.ts'
import type { RedisAddress } from '../../src/stores/redis/connect-redis.ts'
import { openRedisStore } from '../../src/stores/redis/open-redis-store.ts'
import { openSqliteStreamLedger } from '../../src/stores/sqlite/open-stream-ledger.ts'

/** Which installation the proof runs in: none of a user's, by its prefix and its database. */
export interface Place {
  readonly redis: string
  /** With a hash tag; never the one that Bursar itself has. */
  readonly prefix: string
  /** A database of the proof's own; absent: SQLite in `dataDir`. */
  readonly database?: string
  readonly dataDir: string
  /** The cap of each round, in tokens. */
  readonly cap: number
}

export interface Installation {
  readonly engine: Engine
  readonly counters: Counters
  readonly diagnose: () => Promise<Diagnosis>
  readonly close: () => Promise<void>
}

/** Partitions are shorter, so that a call whose answer was not heard is charged what it used. */
const HOLD_TTL_MS = 6000

/** The account of every call, and the one of all calls of a round, which is full before the round is over. */
export const EVERY_CALL = 'every-call'
export const PER_ROUND = 'per-round'

/** Bursar as one process of several: its engine, and its stores. @throws Failure store_unavailable */
export async function openInstallation(place: Place): Promise<Installation> {
  const { redis, prefix, database, dataDir, cap } = place
  const onTrouble = () => undefined
  const streamed = await (database === undefined
    ? openSqliteStreamLedger({ dataDir, onTrouble })
    : openPostgresLedger({ url: database, onTrouble }))
  try {
    const { ledger, applier } = streamed
    const store = await openRedisStore({
      address: addressOf(redis),
      prefix,
      dataDir,
      ledger,
      applier,
      channelNames: [],
      onStoreDown: 'refuse',
      onLost: 'charge',
      holdTtlMs: HOLD_TTL_MS,
      base: systemClock,
      onAlerts: () => undefined,
      onTrouble,
    })
    const { clock } = store
    const ids = createCallIds(() => clock.now())
    const prices = { priceOf: () => undefined }
    const engine = await startEngine({ ...store, ids, prices, holdTtlMs: HOLD_TTL_MS, onLost: 'charge' }, budgets(cap))
    return {
      engine,
      counters: store.counters,
      diagnose: () => diagnose(store),
      close: async () => {
        await store.close()
        await streamed.close()
      },
    }
  } catch (error) {
    await streamed.close()
    throw error
  }
}

/** @throws Error where that is no address of a Redis */
export function addressOf(url: string): RedisAddress {
  const reading = readRedis(url)
  if (reading.kind !== 'ok') throw new Error(`${url}: expected ${reading.expected}`)
  return reading.value
}

function budgets(cap: number): readonly BudgetDefinition[] {
  const budget = (id: string, more: Pick<BudgetDefinition, 'limit' | 'unit' | 'isHardCap'> & { each?: 'user' }): BudgetDefinition => ({
    id: toBudgetId(id),
    name: id,
    scope: {},
    period: { kind: 'total', timezone: 'UTC' },
    alertAt: [0.8],
    nearLimit: 'deny',
    waitMs: 0,
    managedBy: 'file',
    ...more,
  })
  return [
    budget(EVERY_CALL, { unit: 'tokens', limit: 1e12, isHardCap: true }),
    budget(PER_ROUND, { unit: 'tokens', limit: cap, isHardCap: true, each: 'user' }),
    budget('advisory', { unit: 'requests', limit: 1, isHardCap: false }),
  ]
}

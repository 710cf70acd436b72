import type { BudgetDefinition } from '../../src/domain/budgets/budget.ts'
import { toBudgetId } from '../../src/domain/ids.ts'
import type { Random } from './random.ts'

/** `leased`: Redis, and most budgets are decided by slices. */
export type StoreKind = 'memory' | 'redis' | 'leased'

/** What one life is like. Each seed draws its own: faults that never meet in a mixture may meet where the others are absent. */
export interface Swarm {
  readonly store: StoreKind
  readonly processes: number
  readonly startsAt: number
  readonly lengthMs: number
  readonly holdTtlMs: number
  readonly onLost: 'charge' | 'release'
  readonly onStoreDown: 'refuse' | 'admit'
  readonly calls: number
  /** The most that a provider takes. */
  readonly answerMs: number
  /** The share of calls that are left to their provider, as batches are: whoever polls it settles them. */
  readonly deferred: number
  readonly definitions: readonly BudgetDefinition[]
  /** How many of each there are in this life. */
  readonly events: Readonly<Record<FaultKind | EventKind, number>>
  readonly network: {
    readonly delayMs: number
    readonly slow: number
    readonly loseRequest: number
    readonly loseReply: number
    readonly late: number
  }
  readonly database: { readonly delayMs: number; readonly loseReply: number }
}

export type FaultKind =
  | 'crash'
  | 'stop'
  | 'partition'
  | 'storeRestart'
  | 'storeLoss'
  | 'storeEmpty'
  | 'storeTrouble'
  | 'scriptFlush'
  | 'clockJump'
  | 'diskFull'
  | 'slowDatabase'

export type EventKind = 'edit' | 'reset'

/** Half a minute before an hour, a day and a month end. */
const START = Date.UTC(2026, 0, 31, 23, 59, 30)

export function drawSwarm(random: Random, store: StoreKind): Swarm {
  const often = (share: number, most: number) => (random.chance(share) ? random.between(1, most) : 0)
  const isRedis = store !== 'memory'
  const lateness = random.stream('late')
  const deferral = random.stream('deferral')
  return {
    store,
    processes: isRedis ? random.between(1, 4) : 1,
    startsAt: START + random.between(0, 30_000),
    lengthMs: random.between(5000, 40_000),
    holdTtlMs: random.pick([5000, 10_000, 20_000]),
    onLost: random.chance(0.7) ? 'charge' : 'release',
    onStoreDown: random.chance(0.8) ? 'refuse' : 'admit',
    calls: random.between(20, 150),
    answerMs: random.pick([300, 3000, 10_000]),
    deferred: deferral.chance(0.3) ? deferral.next() : 0,
    definitions: drawBudgets(random, store === 'leased'),
    events: {
      crash: often(0.5, 4),
      stop: often(0.2, 2),
      partition: isRedis ? often(0.5, 4) : 0,
      storeRestart: isRedis ? often(0.3, 2) : 0,
      storeLoss: isRedis ? often(0.3, 2) : 0,
      storeEmpty: isRedis ? often(0.2, 2) : 0,
      storeTrouble: isRedis ? often(0.3, 3) : 0,
      scriptFlush: isRedis ? often(0.2, 3) : 0,
      clockJump: often(0.3, 3),
      diskFull: often(0.3, 3),
      slowDatabase: isRedis ? often(0.2, 2) : 0,
      edit: often(0.4, 4),
      reset: often(0.2, 2),
    },
    network: {
      delayMs: random.pick([0.2, 2, 20]),
      slow: random.chance(0.3) ? random.next() * 0.05 : 0,
      loseRequest: random.chance(0.4) ? random.next() * 0.03 : 0,
      loseReply: random.chance(0.4) ? random.next() * 0.03 : 0,
      late: lateness.chance(0.3) ? lateness.next() : 0,
    },
    database: { delayMs: random.pick([0.5, 5, 50]), loseReply: random.chance(0.3) ? random.next() * 0.1 : 0 },
  }
}

/** Scopes, units and `each` stay as they are; limits are edited. */
function drawBudgets(random: Random, areLeased: boolean): readonly BudgetDefinition[] {
  const tight = random.chance(0.6) ? 1 : 5
  const base = {
    period: {
      kind: random.pick(['hour', 'day', 'month', 'total'] as const),
      timezone: random.pick(['UTC', 'Europe/Berlin', 'Asia/Kolkata']),
    },
    alertAt: random.pick([[0.5, 0.8], [0.9], []]),
    isHardCap: true,
    nearLimit: random.pick(['clamp', 'deny'] as const),
    waitMs: random.pick([0, 0, 500]),
    managedBy: 'file',
    enforcement: areLeased && random.chance(0.8) ? 'leased' : 'exact',
  } as const
  const budget = (id: string, more: Partial<BudgetDefinition>): BudgetDefinition => ({
    id: toBudgetId(id),
    name: id,
    scope: {},
    unit: 'tokens',
    limit: 1000,
    ...base,
    ...more,
  })
  return [
    budget('global', { limit: random.between(1000, 8000) * tight }),
    budget('team:a', { scope: { team: 'a' }, limit: random.between(300, 3000) * tight, period: { kind: 'hour', timezone: 'UTC' } }),
    budget('per-user', { each: 'user', unit: 'usd', limit: random.between(300, 3000) * 6000 * tight, isHardCap: random.chance(0.8) }),
    budget('tag.job:x', { scope: { 'tag.job': 'x' }, unit: 'requests', limit: random.between(3, 30) }),
    budget('seen', { scope: { team: 'b' }, isHardCap: false, limit: random.between(500, 5000) }),
  ]
}

import { type Account, openAccount } from '../domain/accounts/account.ts'
import type { Budget } from '../domain/budgets/budget.ts'
import { toAccountKey, toBudgetId, toCallId } from '../domain/ids.ts'
import { periodAt } from '../domain/budgets/period.ts'
import type { AuditEntry } from '../domain/record.ts'
import type { Diagnosis } from '../engine/doctor.ts'
import type { Engine } from '../engine/engine.ts'
import { Failure } from '../engine/failure.ts'
import { KeyBook } from '../engine/key-book.ts'
import { createKeys } from '../engine/keys.ts'
import type {
  Clock,
  Catalog,
  AlertStatus,
  BoundReport,
  ChainedClose,
  Journal,
  Ledger,
  Standing,
  UsageQuery,
  UsageRow,
} from '../engine/ports.ts'
import { FailedTokens } from './failed-tokens.ts'
import type { ApiDeps } from './deps.ts'

/* What the control plane stands on, in memory: accounts, closes and alerts whose amounts a reader can check by hand. */

/** Sixty per cent of November 2026 are over. */
export const NOW = Date.UTC(2026, 10, 19)

export const ADMIN_TOKEN = 'bsr_admin_sample_0123456789'

const NANO_PER_USD = 1e9
const RULE = { kind: 'month', timezone: 'UTC' } as const
const NOVEMBER = periodAt(RULE, NOW)
const OCTOBER = periodAt(RULE, NOVEMBER.startsAt - 1)

function budget(id: string, parts: Partial<Budget> = {}): Budget {
  const plain = { scope: {}, unit: 'tokens', limit: 1000, period: RULE, alertAt: [0.8], isHardCap: true } as const
  return { ...plain, id: toBudgetId(id), name: id, nearLimit: 'clamp', waitMs: 0, managedBy: 'file', ...parts }
}

function standing(of: Budget, sums: Partial<Account>): Standing {
  return { ...openAccount(of, sums.each ?? null, periodAt(of.period, NOW)), ...sums }
}

const perUser = budget('research-per-user', {
  name: 'Forschung 研究',
  scope: { team: 'research' },
  each: 'user',
  unit: 'usd',
  limit: 50 * NANO_PER_USD,
  alertAt: [0.5, 0.9],
  ownerEmail: 'r@example.com',
})

/** Accounts in an order that is not that of the answer. */
export const STANDINGS: readonly Standing[] = [
  standing(budget('idle', { name: 'Idle 🚀', unit: 'requests', period: { kind: 'total', timezone: 'UTC' }, isHardCap: false }), {
    used: 3,
  }),
  standing(budget('global', { name: 'Global Cap' }), { used: 600, held: 30, granted: 250 }),
  standing(perUser, { each: 'ann', used: 45.5 * NANO_PER_USD }),
  standing(perUser, { each: 'bob', used: 10.25 * NANO_PER_USD }),
  standing(budget('rounded', { name: 'Nearly there', limit: 10_000_000 }), { used: 9_999_999 }),
  standing(budget('below', { name: 'Below the alert', limit: 100_000 }), { used: 79_999 }),
  standing(budget('shut', { name: 'Shut', limit: 0 }), {}),
]

const CLOSE: ChainedClose = {
  account: toAccountKey(perUser.id, 'ann', OCTOBER.startsAt),
  budget: perUser.id,
  name: perUser.name,
  each: 'ann',
  unit: 'usd',
  period: OCTOBER,
  limit: 50 * NANO_PER_USD,
  granted: 10 * NANO_PER_USD,
  used: 45 * NANO_PER_USD,
  overrun: 0.5 * NANO_PER_USD,
  closedAt: NOVEMBER.startsAt + 5,
  calls: 17,
  hash: 'c0ffee',
}

const ALERT: AlertStatus = {
  alert: {
    id: 'alert-1',
    at: NOW - 60_000,
    account: toAccountKey(perUser.id, 'ann', NOVEMBER.startsAt),
    budget: perUser.id,
    name: perUser.name,
    each: 'ann',
    unit: 'usd',
    threshold: 0.9,
    used: 45.5 * NANO_PER_USD,
    limit: 50 * NANO_PER_USD,
    isHardCap: true,
    period: NOVEMBER,
    channels: ['slack', 'ops'],
  },
  deliveries: [
    { channel: 'slack', state: 'delivered', attempts: 1, nextAt: 0, lastError: '' },
    { channel: 'ops', state: 'pending', attempts: 2, nextAt: NOW + 30_000, lastError: 'it answered 503' },
  ],
}

const USAGE: Omit<UsageRow, 'group'> = {
  calls: 3,
  estimatedCalls: 1,
  input: 100,
  cachedInput: 40,
  cacheWrite: 5,
  output: 20,
  reasoning: 8,
  costNanoUsd: 1_250_000,
}

/** The fake, and what it was asked. */
export interface Sample {
  readonly deps: ApiDeps
  readonly usageQueries: readonly UsageQuery[]
  readonly audit: readonly AuditEntry[]
  readonly resets: readonly string[]
  readonly defects: readonly unknown[]
}

/** @param parts of the control plane that are to be otherwise */
export function sampleDeps(parts: Partial<ApiDeps> = {}): Sample {
  const audit: AuditEntry[] = []
  const usageQueries: UsageQuery[] = []
  const resets: string[] = []
  const defects: unknown[] = []
  const deps: ApiDeps = {
    engine: sampleEngine(resets),
    ledger: sampleLedger(audit, usageQueries),
    keys: sampleKeys(audit),
    distrusts: { all: () => [], trust: async () => false },
    unknownInputs: () => [],
    clock: CLOCK,
    failedTokens: new FailedTokens(() => undefined),
    diagnose: () => Promise.resolve<Diagnosis>({ differences: [], unpriced: [], setAside: { count: 0, records: [] }, callsInFlight: 2 }),
    testChannel: (name) => testSampleChannel(name),
    isAdminToken: (token) => token === ADMIN_TOKEN,
    health: () => ({ ready: true, reasons: [], warnings: [] }),
    metrics: () => Promise.resolve('bursar_calls_in_flight 0\n'),
    defect: (error) => defects.push(error),
    ...parts,
  }
  return { deps, usageQueries, audit, resets, defects }
}

/** At which nothing has to be waited for. */
const CLOCK: Clock = {
  now: () => NOW,
  after: (_, run) => {
    run()
    return () => undefined
  },
}

function absent(): never {
  throw new Error('the control plane has no business here')
}

function sampleEngine(resets: string[]): Engine {
  const budgets = [...new Set(STANDINGS.map((account) => account.budget))]
  return {
    admit: absent,
    settle: absent,
    priced: absent,
    raise: absent,
    defer: absent,
    deferred: async () => [],
    tick: absent,
    reconfigure: absent,
    reset: (id, { actor, reason }) => {
      const found = budgets.find((candidate) => candidate.id === id)
      if (found !== undefined) resets.push(`${id} ${actor} ${reason}`)
      return Promise.resolve(found)
    },
    closeEnded: () => Promise.resolve({ closed: [CLOSE], waiting: STANDINGS.filter(({ held }) => held > 0) }),
    budgets: () => budgets,
    standings: async () => STANDINGS,
    clockWarning: () => undefined,
    callsInFlight: () => 0,
  }
}

function sampleLedger(audit: readonly AuditEntry[], usageQueries: UsageQuery[]): Ledger {
  const usage = (query: UsageQuery): readonly UsageRow[] => {
    usageQueries.push(query)
    const startsAt = query.interval === undefined ? {} : { startsAt: NOVEMBER.startsAt }
    const group = (value: string) => query.groupBy.map((name) => (name === 'team' && value === 'rare' ? '' : `${value}-${name}`))
    return [
      { ...USAGE, ...startsAt, group: group('rare') },
      { ...USAGE, ...startsAt, group: group('heavy'), input: 5000 },
    ]
  }
  return {
    openState: absent,
    usage: (query) => Promise.resolve(usage(query)),
    closes: ({ budget: id }) => Promise.resolve(id === undefined || id === CLOSE.budget ? [CLOSE] : []),
    alerts: ({ limit }) => Promise.resolve([ALERT].slice(0, limit)),
    dueDeliveries: absent,
    audit: ({ limit }) => Promise.resolve(audit.toReversed().slice(0, limit)),
    differences: absent,
    objects: absent,
    ownsObjects: absent,
    distrusts: async () => [],
    unpriced: absent,
    call: absent,
    priceLines: absent,
    olderCalls: absent,
    bounds: () => Promise.resolve(BOUNDS),
    sums: absent,
    setAside: absent,
  }
}

function sampleKeys(audit: AuditEntry[]): ApiDeps['keys'] {
  const journal: Journal = {
    appendOrFail: absent,
    append: (records) => {
      for (const record of records) if (record.kind === 'audit') audit.push(record.entry)
      return Promise.resolve()
    },
    trouble: () => undefined,
  }
  const catalog: Catalog = { version: absent, read: absent, putBudgets: absent, putKey: () => Promise.resolve() }
  let made = 0
  return createKeys({ keys: new KeyBook([]), catalog, journal, clock: CLOCK, ids: { callId: () => toCallId(`id${++made}`) } })
}

async function testSampleChannel(channel: string): ReturnType<ApiDeps['testChannel']> {
  if (channel === 'slack') return { channel, isDelivered: true, error: '' }
  if (channel === 'ops') return { channel, isDelivered: false, error: 'it answered 503' }
  throw new Failure('not_found', `there is no channel ${channel}; there are: slack, ops`)
}

/** One model that is distrusted. */
export const DISTRUSTS: ApiDeps['distrusts'] = {
  all: () => [{ provider: 'local', model: 'maker/endless', output: 900, at: 5000, isLifted: false }],
  trust: async (provider, model) => provider === 'local' && model === 'maker/endless',
}

const BOUNDS: readonly BoundReport[] = [
  {
    day: Date.UTC(2026, 10, 18),
    provider: 'openai',
    model: 'gpt-4o-mini',
    calls: 40,
    passed: 0,
    worstExcess: 0,
    spared: 3,
    held: 90_000,
    used: 30_000,
  },
  {
    day: Date.UTC(2026, 10, 17),
    provider: 'openai',
    model: 'gpt-4o-mini',
    calls: 10,
    passed: 1,
    worstExcess: 12,
    spared: 4,
    held: 10_000,
    used: 6_000,
  },
  {
    day: Date.UTC(2026, 10, 17),
    provider: 'anthropic',
    model: 'claude-sonnet-4-5',
    calls: 1,
    passed: 0,
    worstExcess: 0,
    spared: 0,
    held: 900,
    used: 450,
  },
]

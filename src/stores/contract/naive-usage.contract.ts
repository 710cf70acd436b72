import fc from 'fast-check'
import { periodAt } from '../../domain/budgets/period.ts'
import { type Attributes, attributeValue, isAttribute } from '../../domain/budgets/scope.ts'
import type { EpochMs } from '../../domain/instant.ts'
import { chargedTokens, type Usage } from '../../domain/usage/usage.ts'
import type { UsageQuery, UsageRow } from '../../engine/ports.ts'
import { AT } from './sample-records.ts'
import { tokenCounts } from '../../domain/usage/token-counts.ts'

export const DAY_MS = 86_400_000
const SPAN_MS = 5 * DAY_MS
const names = fc.constantFrom(undefined, 'a', 'b', 'c "d"\n')

export const callWishes = fc.record({
  attributes: fc.record({ team: names, user: names, project: names, key: names, model: fc.constantFrom('m1', 'm2') }).map(withoutAbsent),
  admittedAt: fc.integer({ min: AT - SPAN_MS, max: AT + SPAN_MS }),
  usage: fc.oneof(
    fc.constant<Usage>({ kind: 'none' }),
    fc
      .record({ input: fc.nat(1e6), output: fc.nat(1e6), cachedInput: fc.nat(1e6), reasoning: fc.nat(1e6) })
      .map(tokenCounts)
      .chain((counts) => fc.constantFrom<Usage>({ kind: 'reported', counts }, { kind: 'estimated', counts, why: 'a guess' })),
  ),
  costNanoUsd: fc.nat(1e12),
})

interface WishedCall {
  readonly attributes: Partial<Attributes>
  readonly admittedAt: EpochMs
  readonly usage: Usage
  readonly costNanoUsd: number
}

export const usageQueries: fc.Arbitrary<UsageQuery> = fc
  .record({
    from: fc.oneof(fc.constant(0), fc.integer({ min: AT - SPAN_MS, max: AT + SPAN_MS }), fc.constant(AT - 1_800_000)),
    length: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 2 * SPAN_MS }), fc.constantFrom(1_800_000, 3_600_000, 86_400_000, 1e14)),
    groupBy: fc.oneof(
      fc.constantFrom([], ['user'], ['team', 'user'], ['user', 'team']),
      fc.subarray(['team', 'project', 'user', 'key', 'provider', 'model']),
    ),
    interval: fc.option(
      fc.record({
        kind: fc.constantFrom('hour' as const, 'day' as const, 'month' as const),
        timezone: fc.constantFrom('UTC', 'Europe/Berlin', 'Asia/Kolkata', 'Australia/Lord_Howe', 'America/New_York'),
      }),
      { nil: undefined },
    ),
  })
  .map(({ from, length, groupBy, interval }) => ({ from, to: from + length, groupBy, ...(interval === undefined ? {} : { interval }) }))

function withoutAbsent<T extends object>(attributes: T): { [K in keyof T]?: NonNullable<T[K]> } {
  return Object.fromEntries(Object.entries(attributes).filter(([, value]) => value !== undefined)) as { [K in keyof T]?: NonNullable<T[K]> }
}

/** One call after the other, without an index, a rollup or SQL. */
export function naiveUsage(calls: readonly WishedCall[], { from, to, groupBy, interval }: UsageQuery): readonly UsageRow[] {
  const rows = new Map<string, UsageRow>()
  for (const { attributes, admittedAt, usage, costNanoUsd } of calls) {
    if (admittedAt < from || admittedAt >= to) continue
    const tokens = chargedTokens(usage)
    const all = { provider: 'openai', model: '', tags: {}, ...attributes }
    const group = groupBy.map((name) => (isAttribute(name) ? (attributeValue(all, name) ?? '') : ''))
    const startsAt = interval === undefined ? {} : { startsAt: periodAt(interval, admittedAt).startsAt }
    const id = JSON.stringify([startsAt, group])
    const zero = { calls: 0, estimatedCalls: 0, input: 0, cachedInput: 0, cacheWrite: 0, output: 0, reasoning: 0, costNanoUsd: 0 }
    const row = rows.get(id) ?? { group, ...startsAt, ...zero }
    rows.set(id, {
      ...row,
      calls: row.calls + 1,
      estimatedCalls: row.estimatedCalls + (usage.kind === 'estimated' ? 1 : 0),
      input: row.input + tokens.input.total,
      cachedInput: row.cachedInput + tokens.input.cached,
      cacheWrite: row.cacheWrite + tokens.input.cacheWrite,
      output: row.output + tokens.output.total,
      reasoning: row.reasoning + tokens.output.reasoning,
      costNanoUsd: row.costNanoUsd + costNanoUsd,
    })
  }
  const order = ({ startsAt = 0, group }: UsageRow) => [startsAt, JSON.stringify(group)] as const
  return [...rows.values()].sort((a, b) => {
    const [aAt, aGroup] = order(a)
    const [bAt, bGroup] = order(b)
    return aAt - bAt || (aGroup < bGroup ? -1 : 1)
  })
}

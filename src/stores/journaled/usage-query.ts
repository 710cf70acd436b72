import type { DatabaseSync } from 'node:sqlite'
import { z } from 'zod'
import type { UsageQuery, UsageRow } from '../../engine/ports.ts'
import { ATTRIBUTES, DAY_MS, HOUR_MS, type ReportAttribute, TEAM_AND_USER } from './rollup.ts'

/** Usage by attribute and time. Whole hours come from rollups; only the ragged ends of a range read calls. */

type Row = Readonly<Record<string, unknown>>

/** One summed row of a source: the group's values, and an instant within its interval. */
interface Part {
  readonly group: readonly string[]
  readonly at: number
  readonly sums: readonly number[]
}

const query = z.object({
  from: z.number(),
  to: z.number(),
  groupBy: z.array(z.enum(ATTRIBUTES)),
  interval: z.object({ kind: z.enum(['hour', 'day', 'month']), timezone: z.string() }).optional(),
})

type ParsedQuery = z.infer<typeof query>

const SUMS = ['calls', 'estimated_calls', 'input', 'cached_input', 'cache_write', 'output', 'reasoning', 'cost_nano_usd'] as const
const SUMMED = SUMS.map((name) => `SUM(${name})`).join(', ')
const OF_CALLS = `COUNT(*), SUM(usage_kind = 'estimated'), SUM(input), SUM(cached_input), SUM(cache_write), SUM(output), SUM(reasoning), SUM(cost_nano_usd)`

export function queryUsage(db: DatabaseSync, argument: unknown): readonly UsageRow[] {
  const asked = query.parse(argument)
  const merged = new Map<string, { group: readonly string[]; startsAt: number | undefined; sums: number[] }>()
  for (const { group, at, sums } of partsOf(db, asked)) {
    const startsAt = asked.interval === undefined ? undefined : intervalStart(asked.interval, at)
    const id = JSON.stringify([group, startsAt])
    const row = merged.get(id) ?? { group, startsAt, sums: SUMS.map(() => 0) }
    for (const [i, sum] of sums.entries()) row.sums[i] = (row.sums[i] ?? 0) + sum
    merged.set(id, row)
  }
  return [...merged.values()].map(toUsageRow)
}

function partsOf(db: DatabaseSync, asked: ParsedQuery): readonly Part[] {
  const { from, to } = asked
  const step = stepOf(asked)
  const firstWhole = Math.ceil(from / step) * step
  const endWhole = Math.floor(to / step) * step
  if (step === 0 || firstWhole >= endWhole) return partsOfCalls(db, asked, { from, to })
  return [
    ...partsOfCalls(db, asked, { from, to: firstWhole }),
    ...(step === DAY_MS
      ? partsOfDays(db, asked, { from: firstWhole, to: endWhole })
      : partsOfHours(db, asked, { from: firstWhole, to: endWhole })),
    ...partsOfCalls(db, asked, { from: endWhole, to }),
  ]
}

/** The width of the rollup rows that can answer; 0: only the calls can. */
function stepOf({ groupBy, interval, from }: ParsedQuery): number {
  const zone = interval?.timezone ?? 'UTC'
  if (rollupAttribute(groupBy) !== undefined) return hasWholeHours(zone, from) ? HOUR_MS : 0
  return interval === undefined || (interval.kind !== 'hour' && zone === 'UTC') ? DAY_MS : 0
}

function rollupAttribute(groupBy: readonly ReportAttribute[]): string | undefined {
  if (groupBy.length < 2) return groupBy[0] ?? ''
  return groupBy.length === 2 && groupBy.includes('team') && groupBy.includes('user') ? TEAM_AND_USER : undefined
}

/** True for zones whose offset is a number of hours: their days begin where an hour of UTC does. */
function hasWholeHours(timezone: string, at: number): boolean {
  const offsetNs = Temporal.Instant.fromEpochMilliseconds(at).toZonedDateTimeISO(timezone).offsetNanoseconds
  return offsetNs % (HOUR_MS * 1e6) === 0
}

interface Range {
  readonly from: number
  readonly to: number
}

function partsOfHours(db: DatabaseSync, { groupBy, interval }: ParsedQuery, { from, to }: Range): readonly Part[] {
  const attribute = rollupAttribute(groupBy) ?? ''
  const hour = interval === undefined ? '0' : 'hour'
  const sql = `SELECT value, ${hour} AS at, ${SUMMED} FROM rollup_hour WHERE attribute = ? AND hour >= ? AND hour < ? GROUP BY 1, 2`
  return db
    .prepare(sql)
    .all(attribute, from, to)
    .map((row) => ({ group: groupOf(String(row['value']), groupBy), ...restOf(row, 2) }))
}

function groupOf(value: string, groupBy: readonly ReportAttribute[]): readonly string[] {
  if (groupBy.length < 2) return groupBy.length === 0 ? [] : [value]
  const [team, user]: readonly string[] = JSON.parse(value)
  return groupBy.map((name) => (name === 'team' ? team : user) ?? '')
}

function partsOfDays(db: DatabaseSync, { groupBy, interval }: ParsedQuery, { from, to }: Range): readonly Part[] {
  const at = interval === undefined ? '0' : 'day'
  const columns = groupBy.join(', ')
  const sql = `SELECT ${columns}, ${at} AS at, ${SUMMED} FROM rollup_day WHERE day >= ? AND day < ? GROUP BY ${columns}, ${groupBy.length + 1}`
  return db
    .prepare(sql)
    .all(from, to)
    .map((row) => ({ group: groupBy.map((name) => String(row[name])), ...restOf(row, groupBy.length + 1) }))
}

function partsOfCalls(db: DatabaseSync, { groupBy, interval }: ParsedQuery, { from, to }: Range): readonly Part[] {
  if (from >= to) return []
  const at = interval === undefined ? '0' : 'ended_at'
  const columns = groupBy.map((name) => `${name}, `).join('')
  const group = interval === undefined && groupBy.length === 0 ? '' : `GROUP BY ${columns}${groupBy.length + 1}`
  const sql = `SELECT ${columns}${at} AS at, ${OF_CALLS} FROM calls WHERE ended_at >= ? AND ended_at < ? ${group}`
  return db
    .prepare(sql)
    .all(from, to)
    .map((row) => ({ group: groupBy.map((name) => String(row[name])), ...restOf(row, groupBy.length + 1) }))
    .filter(({ sums }) => sums[0] !== 0)
}

function restOf(row: Row, skip: number): { at: number; sums: readonly number[] } {
  return { at: Number(row['at']), sums: Object.values(row).slice(skip).map(Number) }
}

const starts = new Map<string, number>()

function intervalStart({ kind, timezone }: { kind: 'hour' | 'day' | 'month'; timezone: string }, at: number): number {
  const hour = Math.floor(at / HOUR_MS)
  const id = `${kind} ${timezone} ${at % HOUR_MS === 0 ? hour : at}`
  const known = starts.get(id)
  if (known !== undefined) return known
  const local = Temporal.Instant.fromEpochMilliseconds(at).toZonedDateTimeISO(timezone)
  const day = local.toPlainDate()
  const start = {
    hour: () => local.round({ smallestUnit: 'hour', roundingMode: 'floor' }),
    day: () => day.toZonedDateTime(timezone),
    month: () => day.with({ day: 1 }).toZonedDateTime(timezone),
  }[kind]().epochMilliseconds
  if (starts.size > 100_000) starts.clear()
  starts.set(id, start)
  return start
}

function toUsageRow({
  group,
  startsAt,
  sums,
}: {
  group: readonly string[]
  startsAt: number | undefined
  sums: readonly number[]
}): UsageRow {
  const [calls = 0, estimatedCalls = 0, input = 0, cachedInput = 0, cacheWrite = 0, output = 0, reasoning = 0, costNanoUsd = 0] = sums
  const start = startsAt === undefined ? {} : { startsAt }
  return { group, ...start, calls, estimatedCalls, input, cachedInput, cacheWrite, output, reasoning, costNanoUsd }
}

export type { UsageQuery }

import { periodAt } from '../../domain/period.ts'
import type { EpochMs } from '../../domain/instant.ts'
import { Failure } from '../../engine/failure.ts'
import type { UsageQuery, UsageRow } from '../../engine/ports.ts'
import type { Database } from './database.ts'
import { ATTRIBUTES, MEASURES } from './rollups.ts'
import { integer, type Row, text } from './row.ts'

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS

/** A half-open part of the range that was asked for, within one interval. */
interface Span {
  readonly from: EpochMs
  readonly to: EpochMs
  /** Start of the calendar interval; absent where none was asked for. */
  readonly startsAt?: EpochMs
}

/** Which rollup has these attributes: one over a single attribute or team and user by the hour, one over all by the UTC day. */
interface Source {
  readonly attributes: readonly string[]
  readonly grainMs: number
  readonly rollupSql: string
  readonly rollupValues: readonly string[]
  readonly callsSql: string
}

const SUMS = MEASURES.map((name) => `sum(${name}) AS ${name}`).join(', ')
const CALL_SUMS = [
  "count(*) AS calls, sum(usage_kind = 'estimated') AS estimated_calls",
  ...MEASURES.slice(2).map((name) => `sum(${name}) AS ${name}`),
].join(', ')

/**
 * Sums of calls by group and interval, ordered by interval and group; no row where there were no calls. Whole hours (whole UTC
 * days for several attributes) come from rollups, the ragged ends of a range or of an interval from the calls themselves: so
 * every range and every time zone, also one with an offset of half an hour, is exact.
 * @throws Failure invalid_request for an attribute or a time zone that does not exist
 */
export function usage(db: Database, query: UsageQuery): readonly UsageRow[] {
  const source = sourceOf(query.groupBy)
  const rows: UsageRow[] = []
  for (const span of spansOf(query, clipped(db, query))) rows.push(...usageOf(db, source, { query, span }))
  return rows
}

function sourceOf(groupBy: readonly string[]): Source {
  for (const name of groupBy) {
    if (!ATTRIBUTES.some((known) => known === name)) {
      throw new Failure('invalid_request', `usage can't be grouped by ${name}: choose of ${ATTRIBUTES.join(', ')}`)
    }
  }
  const attributes = [...new Set(groupBy)].sort()
  const names = attributes.join('+')
  const columns = attributes.join(', ')
  const listed = columns === '' ? '' : `${columns}, `
  const grouped = columns === '' ? '' : ` GROUP BY ${columns}`
  const callsSql = `SELECT ${listed}${CALL_SUMS} FROM calls WHERE ended_at >= ? AND ended_at < ?${grouped}`
  if (attributes.length > 1 && names !== 'team+user') {
    const rollupSql = `SELECT ${listed}${SUMS} FROM rollup_day WHERE day >= ? AND day < ?${grouped}`
    return { attributes, grainMs: DAY_MS, rollupSql, rollupValues: [], callsSql }
  }
  const value = names === 'team+user' ? "json_extract(value, '$[0]') AS team, json_extract(value, '$[1]') AS user" : `value AS ${names}`
  const rollupSql = `SELECT ${names === '' ? '' : `${value}, `}${SUMS} FROM rollup_hour WHERE attribute = ? AND hour >= ? AND hour < ?${names === '' ? '' : ' GROUP BY value'}`
  return { attributes, grainMs: HOUR_MS, rollupSql, rollupValues: [names], callsSql }
}

/** The range without its ends in which there are no calls. */
function clipped(db: Database, { from, to }: UsageQuery): Span {
  const first = db.first("SELECT min(hour) AS hour FROM rollup_hour WHERE attribute = ''")?.['hour']
  const last = db.first("SELECT max(hour) AS hour FROM rollup_hour WHERE attribute = ''")?.['hour']
  if (typeof first !== 'number' || typeof last !== 'number') return { from: 0, to: 0 }
  return { from: Math.max(from, first), to: Math.min(to, last + HOUR_MS) }
}

function* spansOf({ interval }: UsageQuery, { from, to }: Span): Iterable<Span> {
  if (from >= to) return
  if (interval === undefined) {
    yield { from, to }
    return
  }
  let at = from
  while (at < to) {
    const period = periodOf(interval, at)
    yield { from: at, to: Math.min(period.endsAt, to), startsAt: period.startsAt }
    at = period.endsAt
  }
}

function periodOf({ kind, timezone }: NonNullable<UsageQuery['interval']>, at: EpochMs): { startsAt: EpochMs; endsAt: EpochMs } {
  try {
    return periodAt({ kind, timezone }, at)
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    throw new Failure('invalid_request', `no such time zone: ${timezone.slice(0, 80)}`, error)
  }
}

function usageOf(db: Database, source: Source, { query, span }: { readonly query: UsageQuery; readonly span: Span }): readonly UsageRow[] {
  const sums = new Map<string, UsageRow>()
  for (const row of rowsOf(db, source, span)) {
    // A sum over no calls at all is one row of nothing.
    if (row['calls'] === 0 || row['calls'] === null) continue
    const group = query.groupBy.map((name) => text(row, name))
    const key = JSON.stringify(group)
    sums.set(key, plus(sums.get(key), toUsageRow(row, group, span.startsAt)))
  }
  return [...sums].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, row]) => row)
}

function* rowsOf(db: Database, source: Source, { from, to }: Span): Iterable<Row> {
  const { grainMs } = source
  const wholeFrom = Math.ceil(from / grainMs) * grainMs
  const wholeTo = Math.floor(to / grainMs) * grainMs
  if (wholeFrom >= wholeTo) {
    yield* db.all(source.callsSql, from, to)
    return
  }
  if (from < wholeFrom) yield* db.all(source.callsSql, from, wholeFrom)
  yield* db.all(source.rollupSql, ...source.rollupValues, wholeFrom, wholeTo)
  if (wholeTo < to) yield* db.all(source.callsSql, wholeTo, to)
}

function toUsageRow(row: Row, group: readonly string[], startsAt: EpochMs | undefined): UsageRow {
  return {
    group,
    ...(startsAt === undefined ? {} : { startsAt }),
    calls: integer(row, 'calls'),
    estimatedCalls: integer(row, 'estimated_calls'),
    input: integer(row, 'input'),
    cachedInput: integer(row, 'cached_input'),
    cacheWrite: integer(row, 'cache_write'),
    output: integer(row, 'output'),
    reasoning: integer(row, 'reasoning'),
    costNanoUsd: integer(row, 'cost_nano_usd'),
  }
}

function plus(a: UsageRow | undefined, b: UsageRow): UsageRow {
  if (a === undefined) return b
  return {
    ...a,
    calls: a.calls + b.calls,
    estimatedCalls: a.estimatedCalls + b.estimatedCalls,
    input: a.input + b.input,
    cachedInput: a.cachedInput + b.cachedInput,
    cacheWrite: a.cacheWrite + b.cacheWrite,
    output: a.output + b.output,
    reasoning: a.reasoning + b.reasoning,
    costNanoUsd: a.costNanoUsd + b.costNanoUsd,
  }
}

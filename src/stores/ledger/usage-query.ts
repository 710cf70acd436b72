import { periodAt } from '../../domain/period.ts'
import type { EpochMs } from '../../domain/instant.ts'
import { Failure } from '../../engine/failure.ts'
import type { UsageQuery, UsageRow } from '../../engine/ports.ts'
import { keptFrom } from './dropped-calls.ts'
import { ATTRIBUTES, DAY_MS, HOUR_MS, MEASURES } from './rollups.ts'
import { fromJson, integer, type Row, text } from './row.ts'
import { query, type Steps, type Value } from './statement.ts'

/** A half-open part of the range that was asked for, within one interval. */
interface Span {
  readonly from: EpochMs
  readonly to: EpochMs
  /** Start of the calendar interval; absent where none was asked for. */
  readonly startsAt?: EpochMs
}

/** A table with sums for every hour or day, or the calls themselves; with the statement that sums it up. */
interface Grain {
  readonly ms: number
  readonly sql: string
  /** What stands in the statement before the range's ends. */
  readonly values: readonly Value[]
}

/** Where the sums over these attributes come from. */
interface Source {
  /** The coarsest first; the calls are the last. */
  readonly grains: readonly Grain[]
  readonly toGroup: (row: Row) => readonly string[]
}

const SUMS = MEASURES.map((name) => `sum(${name}) AS ${name}`).join(', ')
const CALL_SUMS = [
  "count(*) AS calls, count(*) FILTER (WHERE usage_kind = 'estimated') AS estimated_calls",
  ...MEASURES.slice(2).map((name) => `sum(${name}) AS ${name}`),
].join(', ')

/**
 * Sums of calls by group and interval, ordered by interval and group; no row where there were no calls. Whole UTC days and
 * whole hours come from rollups (of several attributes at once there are only days), the ragged ends of a range or of an
 * interval from the calls themselves: so every range and every time zone, also one with an offset of half an hour, is exact.
 * Of calls that were dropped, an hour (or day) counts where it begins.
 * @throws Failure invalid_request for an attribute or a time zone that does not exist
 */
export function* usage(asked: UsageQuery): Steps<readonly UsageRow[]> {
  const source = sourceOf(asked.groupBy)
  const kept = yield* keptFrom()
  const rows: UsageRow[] = []
  for (const span of spansOf(asked, yield* clipped(asked, kept))) {
    const found = yield* rowsOf(source.grains, span, kept)
    rows.push(...summedUp(found, source, span))
  }
  return rows
}

function sourceOf(groupBy: readonly string[]): Source {
  for (const name of groupBy) {
    if (!ATTRIBUTES.some((known) => known === name)) {
      throw new Failure('invalid_request', `usage can't be grouped by ${name}: choose of ${ATTRIBUTES.join(', ')}`)
    }
  }
  const attributes = [...new Set(groupBy)].sort()
  return attributes.length <= 1 || attributes.join('+') === 'team+user' ? byAttribute(attributes, groupBy) : byAll(attributes, groupBy)
}

/** From the rollups that have a row for each value of an attribute, or of team and user. */
function byAttribute(attributes: readonly string[], groupBy: readonly string[]): Source {
  const name = attributes.join('+')
  const sql = (table: string, at: string) =>
    `SELECT value, ${SUMS} FROM ${table} WHERE attribute = ? AND ${at} >= ? AND ${at} < ? GROUP BY value`
  return {
    grains: [
      { ms: DAY_MS, sql: sql('rollup_attribute_day', 'day'), values: [name] },
      { ms: HOUR_MS, sql: sql('rollup_hour', 'hour'), values: [name] },
      callGrain(attributes),
    ],
    toGroup: (row) => {
      // Only rows of a rollup have a value.
      if (typeof row['value'] !== 'string') return groupBy.map((attribute) => text(row, attribute))
      const values = attributes.length > 1 ? fromJson(row['value'], isTexts) : [row['value']]
      return groupBy.map((attribute) => values[attributes.indexOf(attribute)] ?? '')
    },
  }
}

/** From the rollup that has a row for each combination of all attributes. */
function byAll(attributes: readonly string[], groupBy: readonly string[]): Source {
  const columns = quoted(attributes)
  const sql = `SELECT ${columns}, ${SUMS} FROM rollup_day WHERE day >= ? AND day < ? GROUP BY ${columns}`
  return {
    grains: [{ ms: DAY_MS, sql, values: [] }, callGrain(attributes)],
    toGroup: (row) => groupBy.map((attribute) => text(row, attribute)),
  }
}

function callGrain(attributes: readonly string[]): Grain {
  const columns = quoted(attributes)
  const sql =
    columns === ''
      ? `SELECT ${CALL_SUMS} FROM calls WHERE ended_at >= ? AND ended_at < ?`
      : `SELECT ${columns}, ${CALL_SUMS} FROM calls WHERE ended_at >= ? AND ended_at < ? GROUP BY ${columns}`
  return { ms: 1, sql, values: [] }
}

function quoted(attributes: readonly string[]): string {
  return attributes.map((name) => `"${name}"`).join(', ')
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string')
}

/**
 * The range without the UTC days at its ends in which there are no calls. Where none ended behind it, as where it ends now, it
 * goes to the end of the last day: then that day, too, is read in one row for each value.
 */
function* clipped({ from, to }: UsageQuery, kept: EpochMs): Steps<Span> {
  const [row] = yield* query("SELECT min(hour) AS first, max(hour) AS last FROM rollup_hour WHERE attribute = ''")
  const { first, last } = row ?? {}
  if (typeof first !== 'number' || typeof last !== 'number') return { from: 0, to: 0 }
  const end = last - (last % DAY_MS) + DAY_MS
  const isToTheEnd = to >= kept && (yield* query('SELECT 1 AS one FROM ended_calls WHERE ended_at >= ? LIMIT 1', to)).length === 0
  return { from: Math.max(from, first - (first % DAY_MS)), to: isToTheEnd ? end : Math.min(to, end) }
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

/**
 * The sums of what the coarsest grain has within the span, and of what finer ones have of its ragged ends.
 * @param kept the instant before which there are no calls: up to there, the last rollup counts what begins within the span
 */
function* rowsOf([grain, ...finer]: readonly Grain[], { from, to }: Span, kept: EpochMs): Steps<readonly Row[]> {
  if (grain === undefined || from >= to) return []
  const isAboveCalls = finer.length === 1
  const down = (at: EpochMs) => Math.floor(at / grain.ms) * grain.ms
  const up = (at: EpochMs) => Math.ceil(at / grain.ms) * grain.ms
  const wholeFrom = up(from)
  const wholeTo = isAboveCalls && down(to) < kept ? up(to) : down(to)
  if (wholeFrom > wholeTo) return yield* rowsOf(finer, { from, to }, kept)
  const head = isAboveCalls && wholeFrom <= kept ? [] : yield* rowsOf(finer, { from, to: wholeFrom }, kept)
  const whole = wholeFrom < wholeTo ? yield* query(grain.sql, ...grain.values, wholeFrom, wholeTo) : []
  return [...head, ...whole, ...(yield* rowsOf(finer, { from: wholeTo, to }, kept))]
}

function summedUp(rows: readonly Row[], { toGroup }: Source, { startsAt }: Span): readonly UsageRow[] {
  const sums = new Map<string, UsageRow>()
  for (const row of rows) {
    // A sum over no calls at all is one row of nothing.
    if (row['calls'] === 0 || row['calls'] === null) continue
    const group = toGroup(row)
    const key = JSON.stringify(group)
    sums.set(key, plus(sums.get(key), toUsageRow(row, group, startsAt)))
  }
  return [...sums].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, row]) => row)
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

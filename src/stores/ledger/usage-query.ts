import { periodAt } from '../../domain/budgets/period.ts'
import type { EpochMs } from '../../domain/instant.ts'
import { Failure } from '../../engine/failure.ts'
import type { UsageQuery, UsageRow } from '../../engine/ports.ts'
import { keptFrom } from './dropped-calls.ts'
import { CALL_SUMS, SUMS } from './measures.ts'
import { olderBefore } from './older-calls.ts'
import { ATTRIBUTES, storable } from './rollups.ts'
import { fromJson, integer, type Row, text } from './row.ts'
import { type Part, partsOf, type Span } from './span-parts.ts'
import { query, queryEach, type Steps } from './statement.ts'
import { DAY, HOUR, MONTH, type UtcGrain } from './utc-grain.ts'

/** A half-open part of the range that was asked for, within one interval. */
interface AskedSpan extends Span {
  /** Start of the calendar interval; absent where none was asked for. */
  readonly startsAt?: EpochMs
}

/** A rollup, and the query that sums up what it has between two instants; its first value comes back as `nr`. */
interface Rollup extends UtcGrain {
  readonly sql: string
}

/** Where the sums over these attributes come from; a text is a query that sums up what there is between two instants, its values. */
interface Source {
  /** The coarsest first. */
  readonly rollups: readonly Rollup[]
  /** What is not in the rollups yet, by its hours. */
  readonly live: string
  readonly calls: string
  /** Of calls that are in the rollups by their end. */
  readonly older: string
  readonly toGroup: (row: Row) => readonly string[]
}

/** What there is at all: whole hours in the rollups, and whole hours of what is not in them yet. */
interface Extent {
  readonly rolledUp: Span
  readonly live: Span
  readonly kept: EpochMs
  readonly hasOlder: boolean
}

/** Sums, to be added or taken off. */
interface Found {
  readonly row: Row
  readonly sign: 1 | -1
}

/** What the sums within a span are found in. */
interface Places {
  readonly rolledUp: readonly Part<Rollup>[]
  readonly single: readonly (Span & { readonly sql: string })[]
}

/**
 * Sums of calls by group and interval, ordered by interval and group; no row where there were no calls. Whole UTC months, days and
 * hours come from rollups (of several attributes at once there are no hours), and what is not in those yet from live sums; the
 * ragged ends of a range or of an interval from the calls themselves: so every range and every time zone, also one with an offset
 * of half an hour, is exact. A call counts when it was admitted. Of calls that were dropped, an hour (or day) counts where it begins.
 * @throws Failure invalid_request for an attribute or a time zone that does not exist
 */
export function* usage(asked: UsageQuery): Steps<readonly UsageRow[]> {
  const source = sourceOf(asked.groupBy)
  const extent = yield* extentOf()
  const spans = [...spansOf(asked, yield* clipped(asked, extent))]
  const found = yield* foundIn(
    source,
    spans.map((span) => placesOf(source, span, extent)),
  )
  return spans.flatMap((span, nr) => summedUp(found[nr] ?? [], source, span))
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
  const sql = (table: string, at: string) =>
    `SELECT ? AS nr, value, ${SUMS} FROM ${table} WHERE attribute = '${attributes.join('+')}' AND ${at} >= ? AND ${at} < ? GROUP BY value`
  return {
    rollups: [
      { ...MONTH, sql: sql('rollup_attribute_month', 'month') },
      { ...DAY, sql: sql('rollup_attribute_day', 'day') },
      { ...HOUR, sql: sql('rollup_hour', 'hour') },
    ],
    ...unrolled(attributes),
    toGroup: (row) => {
      // Only rows of a rollup have a value.
      if (typeof row['value'] !== 'string') return groupBy.map((attribute) => storable(text(row, attribute)))
      const found = attributes.length > 1 ? fromJson(row['value'], isTexts) : [row['value']]
      return groupBy.map((attribute) => found[attributes.indexOf(attribute)] ?? '')
    },
  }
}

/** From the rollups that have a row for each combination of all attributes. */
function byAll(attributes: readonly string[], groupBy: readonly string[]): Source {
  const columns = quoted(attributes)
  const sql = (table: string, at: string) =>
    `SELECT ? AS nr, ${columns}, ${SUMS} FROM ${table} WHERE ${at} >= ? AND ${at} < ? GROUP BY ${columns}`
  return {
    rollups: [
      { ...MONTH, sql: sql('rollup_month', 'month') },
      { ...DAY, sql: sql('rollup_day', 'day') },
    ],
    ...unrolled(attributes),
    toGroup: (row) => groupBy.map((attribute) => storable(text(row, attribute))),
  }
}

function unrolled(attributes: readonly string[]): Pick<Source, 'live' | 'calls' | 'older'> {
  const columns = quoted(attributes)
  const live = 'live_sums JOIN callers ON callers.id = live_sums.caller WHERE hour >= ? AND hour < ?'
  const sql = (sums: string, from: string) =>
    columns === '' ? `SELECT ${sums} FROM ${from}` : `SELECT ${columns}, ${sums} FROM ${from} GROUP BY ${columns}`
  return {
    live: sql(SUMS, live),
    calls: sql(CALL_SUMS, 'admitted_calls WHERE admitted_at >= ? AND admitted_at < ?'),
    older: sql(CALL_SUMS, 'older_calls WHERE ended_at >= ? AND ended_at < ?'),
  }
}

function quoted(attributes: readonly string[]): string {
  return attributes.map((name) => `"${name}"`).join(', ')
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string')
}

function* extentOf(): Steps<Extent> {
  const rolledUp = yield* hoursIn("rollup_hour WHERE attribute = ''")
  const live = yield* hoursIn('live_sums')
  return { rolledUp, live, kept: yield* keptFrom(), hasOlder: (yield* olderBefore()) > 0 }
}

/** The span of the hours of these rows; empty where there are none. */
function* hoursIn(rows: string): Steps<Span> {
  const [row] = yield* query(`SELECT min(hour) AS first, max(hour) AS last FROM ${rows}`)
  const { first, last } = row ?? {}
  return typeof first === 'number' && typeof last === 'number' ? { from: first, to: HOUR.ceil(last + 1) } : { from: Infinity, to: 0 }
}

/**
 * The range without the UTC days at its ends in which there are no calls. Where none ended behind it, as where it ends now, it
 * goes to the end of the last day: then that day, too, is read in one row for each value.
 */
function* clipped({ from, to }: UsageQuery, { rolledUp, live, kept, hasOlder }: Extent): Steps<Span> {
  const first = Math.min(rolledUp.from, live.from)
  if (first === Infinity) return { from: 0, to: 0 }
  const end = DAY.ceil(Math.max(rolledUp.to, live.to))
  const isToTheEnd = to >= kept && !(yield* isAnyCallFrom(to, hasOlder))
  return { from: Math.max(from, DAY.floor(first)), to: isToTheEnd ? end : Math.min(to, end) }
}

function* isAnyCallFrom(instant: EpochMs, hasOlder: boolean): Steps<boolean> {
  const found = yield* query('SELECT 1 AS one FROM admitted_calls WHERE admitted_at >= ? LIMIT 1', instant)
  if (found.length > 0 || !hasOlder) return found.length > 0
  return (yield* query('SELECT 1 AS one FROM older_calls WHERE ended_at >= ? LIMIT 1', instant)).length > 0
}

function* spansOf({ interval }: UsageQuery, { from, to }: Span): Iterable<AskedSpan> {
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
 * What there is within the span: in whole hours (or days), and at its ragged ends. Up to the instant before which there are no
 * calls any more, what is whole begins within the span.
 */
function placesOf({ rollups, live, calls, older }: Source, { from, to }: Span, extent: Extent): Places {
  const singly = (span: Span) => [{ sql: calls, ...span }, ...(extent.hasOlder ? [{ sql: older, ...span }] : [])]
  const unit = rollups.at(-1) ?? HOUR
  const whole = { from: unit.ceil(from), to: unit.floor(to) < extent.kept ? unit.ceil(to) : unit.floor(to) }
  if (whole.from > whole.to) return { rolledUp: [], single: singly({ from, to }) }
  const data = { from: unit.floor(extent.rolledUp.from), to: unit.ceil(extent.rolledUp.to) }
  const hasLive = whole.from < Math.min(whole.to, extent.live.to) && extent.live.from < whole.to
  return {
    rolledUp: [...partsOf(rollups, whole, data)],
    single: [
      ...(from < whole.from && whole.from > extent.kept ? singly({ from, to: whole.from }) : []),
      ...(hasLive ? [{ sql: live, ...whole }] : []),
      ...(whole.to < to ? singly({ from: whole.to, to }) : []),
    ],
  }
}

/** What there is in each of these places. */
function* foundIn({ rollups }: Source, places: readonly Places[]): Steps<readonly (readonly Found[])[]> {
  const found = places.map((): Found[] => [])
  for (const rollup of rollups) {
    const parts = places.flatMap(({ rolledUp }, place) =>
      rolledUp.filter(({ grain }) => grain === rollup).map((part) => ({ ...part, place })),
    )
    // A report by the day has dozens of parts: waiting for each took longer than all else, where a database is far or busy.
    const rows = yield* queryEach(
      rollup.sql,
      parts.map(({ from, to }, nr) => [nr, from, to]),
    )
    for (const row of rows) {
      const part = parts[integer(row, 'nr')]
      if (part !== undefined) found[part.place]?.push({ row, sign: part.sign })
    }
  }
  for (const [place, { single }] of places.entries()) {
    for (const { sql, from, to } of single) for (const row of yield* query(sql, from, to)) found[place]?.push({ row, sign: 1 })
  }
  return found
}

function summedUp(found: readonly Found[], { toGroup }: Source, { startsAt }: AskedSpan): readonly UsageRow[] {
  const sums = new Map<string, UsageRow>()
  for (const { row, sign } of found) {
    // A sum over no rows at all is one row of nothing.
    if (row['input'] === null) continue
    const group = toGroup(row)
    const key = JSON.stringify(group)
    sums.set(key, plus(sums.get(key), toUsageRow(row, { group, startsAt, sign })))
  }
  return [...sums]
    .filter(([, { calls }]) => calls !== 0)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, row]) => row)
}

interface Grouped {
  readonly group: readonly string[]
  readonly startsAt: EpochMs | undefined
  readonly sign: 1 | -1
}

function toUsageRow(row: Row, { group, startsAt, sign }: Grouped): UsageRow {
  return {
    group,
    ...(startsAt === undefined ? {} : { startsAt }),
    calls: sign * integer(row, 'calls'),
    estimatedCalls: sign * integer(row, 'estimated_calls'),
    input: sign * integer(row, 'input'),
    cachedInput: sign * integer(row, 'cached_input'),
    cacheWrite: sign * integer(row, 'cache_write'),
    output: sign * integer(row, 'output'),
    reasoning: sign * integer(row, 'reasoning'),
    costNanoUsd: sign * integer(row, 'cost_nano_usd'),
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

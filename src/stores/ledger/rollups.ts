import { AMOUNT_MAX } from '../../domain/amount.ts'
import type { EpochMs } from '../../domain/instant.ts'
import type { Dialect } from './dialect.ts'
import { adding, MEASURE_COLUMNS, MEASURES } from './measures.ts'
import { integer, type Row, text } from './row.ts'
import { type Bulk, bulk, type Columns, insert, query, type Steps } from './statement.ts'
import { DAY, MONTH, type UtcGrain } from './utc-grain.ts'

/*
 * Sums of calls by the UTC hour, day and month, so that reports read a row for each value and not one for each call. What calls
 * come to is in `live_sums` first, by hour and caller. From there it is moved into the rollups, the oldest first, when an hour
 * is over or there is much of it: a row of a rollup is then written once for many calls. At any time, what calls come to is
 * what a rollup has and what is live.
 */

/** The attributes that calls are summed by, in the order of the columns of `rollup_day` and `rollup_month`. */
export const ATTRIBUTES = ['team', 'project', 'user', 'key', 'provider', 'model'] as const

/** Few enough that whoever waits for the database gets in between. */
const SLICE_ROWS = 5000
/** What reports read one by one, beside the rollups. */
const LIVE_ROWS_MAX = 20_000

const LIVE = `SELECT hour, ${ATTRIBUTES.map((name) => `callers."${name}"`).join(', ')}, ${MEASURES.join(', ')}
  FROM live_sums JOIN callers ON callers.id = live_sums.caller WHERE (hour, caller) < (?, ?)`

/** What calls of one span with the same values add up to. */
interface Sums {
  readonly at: EpochMs
  readonly values: readonly string[]
  /** In the order of {@link MEASURES}. */
  readonly sums: readonly number[]
}

/** When live sums are moved into the rollups, as the one process sees it that applies batches; several may. */
export class Rollups {
  readonly #tables: Tables
  /** What ended in hours before is moved, as far as this process knows. */
  #movedTo: EpochMs = 0
  #rowsAdded = 0

  constructor(dialect: Dialect) {
    this.#tables = tables(dialect)
  }

  /**
   * Moves some of the live sums, where it is time.
   * @param added how many live rows a batch wrote
   * @param newestHour the latest of their hours
   */
  *moveSome(added: number, newestHour: EpochMs): Steps<void> {
    this.#rowsAdded += added
    const before = this.#rowsAdded > LIVE_ROWS_MAX ? newestHour + 1 : newestHour
    if (added === 0 || before <= this.#movedTo) return
    const moved = yield* moveSlice(this.#tables, before)
    if (moved === SLICE_ROWS) return
    this.#movedTo = newestHour
    this.#rowsAdded = 0
  }

  /**
   * Moves some of the oldest live sums, where many were added whatever their hours.
   * @param added how many
   */
  *moveMany(added: number): Steps<void> {
    this.#rowsAdded += added
    if (this.#rowsAdded <= LIVE_ROWS_MAX) return
    const moved = yield* moveSlice(this.#tables, Number.MAX_SAFE_INTEGER)
    if (moved < SLICE_ROWS) this.#rowsAdded = 0
  }

  /** After a transaction that was rolled back. */
  forget(): void {
    this.#movedTo = 0
  }
}

/** @returns how many live rows were moved */
function* moveSlice(to: Tables, before: EpochMs): Steps<number> {
  const [next] = yield* query(
    'SELECT hour, caller FROM live_sums WHERE hour < ? ORDER BY hour, caller LIMIT 1 OFFSET ?',
    before,
    SLICE_ROWS,
  )
  const end = next === undefined ? ([before, 0] as const) : ([integer(next, 'hour'), integer(next, 'caller')] as const)
  const live = (yield* query(LIVE, ...end)).map(toSums)
  if (live.length === 0) return 0
  yield* query('DELETE FROM live_sums WHERE (hour, caller) < (?, ?)', ...end)
  const hours = added(live.flatMap(byAttribute))
  yield* write(to.hour, hours)
  const attributeDays = coarser(hours, DAY)
  yield* write(to.attributeDay, attributeDays)
  yield* write(to.attributeMonth, coarser(attributeDays, MONTH))
  const days = coarser(live, DAY)
  yield* write(to.day, days)
  yield* write(to.month, coarser(days, MONTH))
  return live.length
}

function toSums(row: Row): Sums {
  return {
    at: integer(row, 'hour'),
    values: ATTRIBUTES.map((name) => storable(text(row, name))),
    sums: MEASURES.map((name) => integer(row, name)),
  }
}

/**
 * The text as every database keeps it. A caller may name a model with a NUL, which Postgres does not take, or with half a
 * surrogate pair: two such names that are stored as one must be one row here already.
 */
export function storable(text: string): string {
  return text.toWellFormed().replaceAll('\0', '\uFFFD')
}

/** A row for all calls, one for each attribute, and one for each user of each team. */
function byAttribute({ at, values, sums }: Sums): readonly Sums[] {
  const [team = '', , user = ''] = values
  const of = (attribute: string, value: string): Sums => ({ at, values: [attribute, value], sums })
  const each = ATTRIBUTES.map((attribute, i) => of(attribute, values[i] ?? ''))
  return [of('', ''), ...each, of('team+user', `[${JSON.stringify(team)},${JSON.stringify(user)}]`)]
}

function coarser(rows: readonly Sums[], grain: UtcGrain): readonly Sums[] {
  return added(rows.map(({ at, values, sums }) => ({ at: grain.floor(at), values, sums })))
}

/** One of those with the same span and values. What was counted again in another hour is taken off: such sums are below 0. */
function added(rows: readonly Sums[]): readonly Sums[] {
  const found = new Map<string, Sums & { readonly sums: number[] }>()
  for (const { at, values, sums } of rows) {
    // No storable text has a NUL.
    const name = `${at}\0${values.join('\0')}`
    const row = found.get(name)
    if (row === undefined) found.set(name, { at, values, sums: [...sums] })
    else for (let i = 0; i < sums.length; i++) row.sums[i] = Math.min((row.sums[i] ?? 0) + (sums[i] ?? 0), AMOUNT_MAX)
  }
  return [...found.values()]
}

function* write(table: Bulk, rows: readonly Sums[]): Steps<void> {
  yield* bulk(
    table,
    rows.map(({ at, values, sums }) => [at, ...values, ...sums]),
  )
}

interface Tables {
  readonly hour: Bulk
  readonly attributeDay: Bulk
  readonly attributeMonth: Bulk
  readonly day: Bulk
  readonly month: Bulk
}

function tables({ rollupKey }: Dialect): Tables {
  const table = (name: string, at: string, values: readonly string[]): Bulk => {
    const columns: Columns = { [at]: 'integer', ...Object.fromEntries(values.map((value) => [value, 'text'] as const)), ...MEASURE_COLUMNS }
    return insert(name, columns, adding(name, rollupKey(at, values)))
  }
  return {
    hour: table('rollup_hour', 'hour', ['attribute', 'value']),
    attributeDay: table('rollup_attribute_day', 'day', ['attribute', 'value']),
    attributeMonth: table('rollup_attribute_month', 'month', ['attribute', 'value']),
    day: table('rollup_day', 'day', ATTRIBUTES),
    month: table('rollup_month', 'month', ATTRIBUTES),
  }
}

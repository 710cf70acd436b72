import type { EndedCall } from '../../domain/call.ts'
import type { Attributes } from '../../domain/scope.ts'
import type { Dialect } from './dialect.ts'
import { type Bulk, bulk, type Columns, insert, type Steps } from './statement.ts'

export const HOUR_MS = 3_600_000
export const DAY_MS = 24 * HOUR_MS

/** The attributes that calls are summed by, in the order of the daily rollup's columns. */
export const ATTRIBUTES = ['team', 'project', 'user', 'key', 'provider', 'model'] as const

/** What is summed, in the order of the rollups' columns. */
export const MEASURES = [
  'calls',
  'estimated_calls',
  'input',
  'cached_input',
  'cache_write',
  'output',
  'reasoning',
  'cost_nano_usd',
] as const

type Sums = number[]

/** What the calls of one hour with the same attributes add up to. */
interface Entry {
  readonly hour: number
  /** In the order of {@link ATTRIBUTES}. */
  readonly values: readonly string[]
  readonly sums: Sums
}

/** A row of a rollup, by its primary key. */
interface RollupRow {
  readonly key: readonly (string | number)[]
  readonly sums: Sums
}

/**
 * The rollups of one batch: added up in memory, so that a row is written once however many calls it has. A call costs one
 * look-up; the rows are made of what calls of the same attributes have in common.
 */
export class Rollups {
  /** Calls of one caller share their attributes: what is the same object need not be compared. */
  readonly #entries = new Map<Attributes, Entry[]>()

  /** Counts a call in the hour, and so in the UTC day, in which it ended. */
  add(ended: EndedCall): void {
    const { attributes } = ended.call
    const hour = ended.endedAt - (ended.endedAt % HOUR_MS)
    const sums = sumsOf(ended)
    const ofCaller = this.#entries.get(attributes) ?? []
    if (ofCaller.length === 0) this.#entries.set(attributes, ofCaller)
    const entry = ofCaller.find((known) => known.hour === hour)
    if (entry === undefined) ofCaller.push({ hour, values: valuesOf(attributes), sums })
    else addTo(entry.sums, sums)
  }

  /** Adds them to the ledger's. */
  *write({ addHour, addAttributeDay, addDay }: RollupStatements): Steps<void> {
    const hours = new Rows()
    const attributeDays = new Rows()
    const days = new Rows()
    for (const { hour, values, sums } of [...this.#entries.values()].flat()) {
      const day = hour - (hour % DAY_MS)
      for (const [attribute, value] of attributeKeys(values)) {
        const name = `${attribute}\0${value}`
        hours.add(hour, name, { key: [attribute, hour, value], sums })
        attributeDays.add(day, name, { key: [attribute, day, value], sums })
      }
      days.add(day, values.join('\0'), { key: [day, ...values], sums })
    }
    yield* bulk(addHour, hours.values())
    yield* bulk(addAttributeDay, attributeDays.values())
    yield* bulk(addDay, days.values())
  }
}

/** The rows of a rollup. */
class Rows {
  /** By their hour or day, and then by the rest of their key. */
  readonly #rows = new Map<number, Map<string, RollupRow>>()

  /** Adds to the row of that key. */
  add(at: number, name: string, { key, sums }: RollupRow): void {
    const rows = this.#rows.get(at) ?? new Map<string, RollupRow>()
    if (rows.size === 0) this.#rows.set(at, rows)
    const row = rows.get(name)
    if (row === undefined) rows.set(name, { key, sums: [...sums] })
    else addTo(row.sums, sums)
  }

  /** Their values, in the order of their columns. */
  values(): readonly (readonly (string | number)[])[] {
    return [...this.#rows.values()].flatMap((rows) => [...rows.values()].map(({ key, sums }) => [...key, ...sums]))
  }
}

const MEASURE_COLUMNS: Columns = Object.fromEntries(MEASURES.map((name) => [name, 'integer'] as const))
const HOUR_COLUMNS: Columns = { attribute: 'text', hour: 'integer', value: 'text', ...MEASURE_COLUMNS }
const ATTRIBUTE_DAY_COLUMNS: Columns = { attribute: 'text', day: 'integer', value: 'text', ...MEASURE_COLUMNS }
const ATTRIBUTE_COLUMNS: Columns = Object.fromEntries(ATTRIBUTES.map((name) => [name, 'text'] as const))
const DAY_COLUMNS: Columns = { day: 'integer', ...ATTRIBUTE_COLUMNS, ...MEASURE_COLUMNS }

/** What adds to the rollups' rows. */
export interface RollupStatements {
  readonly addHour: Bulk
  readonly addAttributeDay: Bulk
  readonly addDay: Bulk
}

export function rollupStatements({ hourKey, attributeDayKey, dayKey }: Dialect): RollupStatements {
  return {
    addHour: addingTo('rollup_hour', HOUR_COLUMNS, hourKey),
    addAttributeDay: addingTo('rollup_attribute_day', ATTRIBUTE_DAY_COLUMNS, attributeDayKey),
    addDay: addingTo('rollup_day', DAY_COLUMNS, dayKey),
  }
}

function addingTo(table: string, columns: Columns, key: string): Bulk {
  const sums = MEASURES.map((name) => `${name} = ${table}.${name} + excluded.${name}`).join(', ')
  return insert(table, columns, `ON CONFLICT (${key}) DO UPDATE SET ${sums}`)
}

function valuesOf({ team = '', project = '', user = '', key = '', provider, model }: Attributes): readonly string[] {
  return [team, project, user, key, provider, model].map(storable)
}

/**
 * The text as every database keeps it. A caller may name a model with a NUL, which Postgres does not take, or with half a
 * surrogate pair: two such names that are stored as one must be one row here already.
 */
function storable(text: string): string {
  return text.toWellFormed().replaceAll('\0', '\uFFFD')
}

/** An hour or a day has a row for all calls, one for each attribute, and one for each user of each team. */
function attributeKeys(values: readonly string[]): readonly (readonly [attribute: string, value: string])[] {
  const [team = '', , user = ''] = values
  return [
    ['', ''],
    ...ATTRIBUTES.map((attribute, i) => [attribute, values[i] ?? ''] as const),
    ['team+user', `[${JSON.stringify(team)},${JSON.stringify(user)}]`],
  ]
}

function addTo(total: Sums, sums: Sums): void {
  for (let i = 0; i < sums.length; i++) total[i] = (total[i] ?? 0) + (sums[i] ?? 0)
}

function sumsOf({ usage, tokens, costNanoUsd }: EndedCall): Sums {
  const estimated = usage.kind === 'estimated' ? 1 : 0
  return [1, estimated, tokens.input, tokens.cachedInput, tokens.cacheWrite, tokens.output, tokens.reasoning, costNanoUsd]
}

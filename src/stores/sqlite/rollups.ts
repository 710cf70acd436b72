import type { EndedCall } from '../../domain/call.ts'
import type { Attributes } from '../../domain/scope.ts'
import type { Database } from './database.ts'

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS

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

const ADD = MEASURES.map((name) => `${name} = ${name} + excluded.${name}`).join(', ')
const ADD_HOUR = `INSERT INTO rollup_hour (attribute, hour, value, ${MEASURES.join(', ')})
  VALUES (${marks(3 + MEASURES.length)}) ON CONFLICT (attribute, hour, value) DO UPDATE SET ${ADD}`
const ADD_DAY = `INSERT INTO rollup_day (day, ${ATTRIBUTES.join(', ')}, ${MEASURES.join(', ')})
  VALUES (${marks(1 + ATTRIBUTES.length + MEASURES.length)}) ON CONFLICT (day, ${ATTRIBUTES.join(', ')}) DO UPDATE SET ${ADD}`

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

/** `?, ?, ?` */
export function marks(count: number): string {
  return Array.from({ length: count }, () => '?').join(', ')
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

  write(db: Database): void {
    const hours = new Map<string, RollupRow>()
    const days = new Map<string, RollupRow>()
    for (const { hour, values, sums } of [...this.#entries.values()].flat()) {
      for (const key of hourKeys(hour, values)) addRow(hours, key, sums)
      addRow(days, [hour - (hour % DAY_MS), ...values], sums)
    }
    for (const { key, sums } of hours.values()) db.run(ADD_HOUR, ...key, ...sums)
    for (const { key, sums } of days.values()) db.run(ADD_DAY, ...key, ...sums)
    this.#entries.clear()
  }
}

function valuesOf({ team = '', project = '', user = '', key = '', provider, model }: Attributes): readonly string[] {
  return [team, project, user, key, provider, model]
}

/** An hour has a row for all calls, one for each attribute, and one for each user of each team. */
function hourKeys(hour: number, values: readonly string[]): readonly (readonly [string, number, string])[] {
  const [team = '', , user = ''] = values
  return [
    ['', hour, ''],
    ...ATTRIBUTES.map((attribute, i) => [attribute, hour, values[i] ?? ''] as const),
    ['team+user', hour, `[${JSON.stringify(team)},${JSON.stringify(user)}]`],
  ]
}

function addRow(rows: Map<string, RollupRow>, key: RollupRow['key'], sums: Sums): void {
  const name = key.join('\0')
  const row = rows.get(name)
  if (row === undefined) rows.set(name, { key, sums: [...sums] })
  else addTo(row.sums, sums)
}

function addTo(total: Sums, sums: Sums): void {
  for (let i = 0; i < sums.length; i++) total[i] = (total[i] ?? 0) + (sums[i] ?? 0)
}

function sumsOf({ usage, tokens, costNanoUsd }: EndedCall): Sums {
  const estimated = usage.kind === 'estimated' ? 1 : 0
  return [1, estimated, tokens.input, tokens.cachedInput, tokens.cacheWrite, tokens.output, tokens.reasoning, costNanoUsd]
}

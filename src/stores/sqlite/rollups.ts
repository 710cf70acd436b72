import type { EndedCall } from '../../domain/call.ts'
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

interface Entry {
  readonly key: readonly (string | number)[]
  readonly sums: Sums
}

/** `?, ?, ?` */
export function marks(count: number): string {
  return Array.from({ length: count }, () => '?').join(', ')
}

/** The rollups of one batch: added up in memory, so that a row is written once however many calls it has. */
export class Rollups {
  readonly #hours = new Map<string, Entry>()
  readonly #days = new Map<string, Entry>()

  /** Counts a call in the hour and the UTC day in which it ended. */
  add(ended: EndedCall): void {
    const { team = '', project = '', user = '', key = '', provider, model } = ended.call.attributes
    const sums = sumsOf(ended)
    const hour = ended.endedAt - (ended.endedAt % HOUR_MS)
    const values = [team, project, user, key, provider, model]
    this.#addHour('', hour, '', sums)
    for (let i = 0; i < ATTRIBUTES.length; i++) this.#addHour(ATTRIBUTES[i] ?? '', hour, values[i] ?? '', sums)
    this.#addHour('team+user', hour, `[${JSON.stringify(team)},${JSON.stringify(user)}]`, sums)
    const day = ended.endedAt - (ended.endedAt % DAY_MS)
    const name = `${day}\n${values.join('\n')}`
    const entry = this.#days.get(name)
    if (entry === undefined) this.#days.set(name, { key: [day, ...values], sums: [...sums] })
    else addTo(entry.sums, sums)
  }

  write(db: Database): void {
    for (const { key, sums } of this.#hours.values()) db.run(ADD_HOUR, ...key, ...sums)
    for (const { key, sums } of this.#days.values()) db.run(ADD_DAY, ...key, ...sums)
  }

  #addHour(attribute: string, hour: number, value: string, sums: Sums): void {
    const name = `${hour} ${attribute} ${value}`
    const entry = this.#hours.get(name)
    if (entry === undefined) this.#hours.set(name, { key: [attribute, hour, value], sums: [...sums] })
    else addTo(entry.sums, sums)
  }
}

function addTo(total: Sums, sums: Sums): void {
  for (let i = 0; i < sums.length; i++) total[i] = (total[i] ?? 0) + (sums[i] ?? 0)
}

function sumsOf({ usage, tokens, costNanoUsd }: EndedCall): Sums {
  const estimated = usage.kind === 'estimated' ? 1 : 0
  return [1, estimated, tokens.input, tokens.cachedInput, tokens.cacheWrite, tokens.output, tokens.reasoning, costNanoUsd]
}

import type { DatabaseSync, StatementSync } from 'node:sqlite'
import type { EndedCall } from '../../domain/call.ts'

export const HOUR_MS = 3_600_000
export const DAY_MS = 24 * HOUR_MS

/** The attributes by which usage is reported; a call without one has an empty value. */
export const ATTRIBUTES = ['team', 'project', 'user', 'key', 'provider', 'model'] as const
export type ReportAttribute = (typeof ATTRIBUTES)[number]

/** Users are also kept within their team; the value is a JSON list of both. */
export const TEAM_AND_USER = 'team+user'

const SUMS = ['calls', 'estimated_calls', 'input', 'cached_input', 'cache_write', 'output', 'reasoning', 'cost_nano_usd'] as const

export function attributesOf({ call }: EndedCall): Record<ReportAttribute, string> {
  const { team = '', project = '', user = '', key = '', provider, model } = call.attributes
  return { team, project, user, key, provider, model }
}

/** The sums of a batch of calls, added up in memory and written once. */
export class RollupBatch {
  readonly #hours = new Map<string, { readonly key: readonly (string | number)[]; readonly sums: number[] }>()
  readonly #days = new Map<string, { readonly key: readonly (string | number)[]; readonly sums: number[] }>()

  add(ended: EndedCall): void {
    const values = attributesOf(ended)
    const sums = sumsOf(ended)
    const hour = ended.endedAt - (ended.endedAt % HOUR_MS)
    addTo(this.#hours, ['', hour, ''], sums)
    for (const attribute of ATTRIBUTES) addTo(this.#hours, [attribute, hour, values[attribute]], sums)
    addTo(this.#hours, [TEAM_AND_USER, hour, JSON.stringify([values.team, values.user])], sums)
    addTo(this.#days, [ended.endedAt - (ended.endedAt % DAY_MS), ...ATTRIBUTES.map((name) => values[name])], sums)
  }

  write(statements: RollupStatements): void {
    for (const { key, sums } of this.#hours.values()) statements.hour.run(...key, ...sums)
    for (const { key, sums } of this.#days.values()) statements.day.run(...key, ...sums)
  }
}

export interface RollupStatements {
  readonly hour: StatementSync
  readonly day: StatementSync
}

export function prepareRollups(db: DatabaseSync): RollupStatements {
  const update = SUMS.map((name) => `${name} = ${name} + excluded.${name}`).join(', ')
  const upsert = (table: string, key: readonly string[]) => {
    const columns = [...key, ...SUMS]
    const marks = columns.map(() => '?').join(', ')
    return db.prepare(
      `INSERT INTO ${table} (${columns.join(', ')}) VALUES (${marks}) ON CONFLICT (${key.join(', ')}) DO UPDATE SET ${update}`,
    )
  }
  return { hour: upsert('rollup_hour', ['attribute', 'hour', 'value']), day: upsert('rollup_day', ['day', ...ATTRIBUTES]) }
}

function sumsOf({ usage, tokens, costNanoUsd }: EndedCall): readonly number[] {
  const isEstimated = usage.kind === 'estimated' ? 1 : 0
  return [1, isEstimated, tokens.input, tokens.cachedInput, tokens.cacheWrite, tokens.output, tokens.reasoning, costNanoUsd]
}

function addTo(
  rows: Map<string, { readonly key: readonly (string | number)[]; readonly sums: number[] }>,
  key: readonly (string | number)[],
  sums: readonly number[],
): void {
  const id = key.join('\n')
  const row = rows.get(id)
  if (row === undefined) rows.set(id, { key, sums: [...sums] })
  else for (const [i, sum] of sums.entries()) row.sums[i] = (row.sums[i] ?? 0) + sum
}

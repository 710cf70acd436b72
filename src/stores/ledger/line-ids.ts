import { assert } from '../../domain/defect.ts'
import type { Price } from '../../domain/usage/price.ts'
import { LINE_PARTS, type LinePart, type LineTerms, shareOf, unitsAt } from '../../domain/usage/price-lines.ts'
import type { Dialect } from './dialect.ts'
import { integer } from './row.ts'
import { type Bulk, bulk, type Columns, insert, type Steps, type Value } from './statement.ts'

const COLUMNS: Columns = {
  provider: 'text',
  model: 'text',
  part: 'text',
  basis: 'text',
  tier: 'text',
  above: 'integer',
  unit_pico: 'integer',
  share: 'text',
}
/** The columns of `price_lines` that make a line another. */
export const LINE_COLUMNS: readonly string[] = Object.keys(COLUMNS)

const ADD_LINES = insert('price_lines', COLUMNS, 'ON CONFLICT DO NOTHING')

/** What the lines of one model have in common that are under one price. */
export interface LineGroup {
  readonly provider: string
  readonly model: string
  readonly price: Price | undefined
  readonly terms: LineTerms
}

/** The ids of its lines that are known, by their part. */
export interface GroupIds extends LineGroup {
  readonly ids: Map<LinePart, number>
}

/** A line whose id is not known yet. */
export interface UnknownLine {
  readonly group: GroupIds
  readonly part: LinePart
}

/** Groups that are remembered; more are looked up again. */
const GROUPS_MAX = 20_000

/**
 * The ids of price lines: a few for each model and price, however many calls there are. Calls share their prices as objects, so a group
 * is found without a text being made of it.
 */
export class LineIds {
  readonly #find: Bulk
  readonly #groups = new Map<Price | undefined, GroupIds[]>()
  #count = 0

  constructor({ sameLine }: Dialect) {
    this.#find = {
      sql: `SELECT given.nr AS nr, price_lines.id AS id FROM GIVEN JOIN price_lines ON ${sameLine}`,
      columns: { nr: 'integer', ...COLUMNS },
    }
  }

  groupOf({ provider, model, price, terms }: LineGroup): GroupIds {
    const ofPrice = this.#groups.get(price)
    const known = ofPrice?.find((group) => group.model === model && group.provider === provider && areSame(group.terms, terms))
    if (known !== undefined) return known
    if (this.#count >= GROUPS_MAX) this.forget()
    this.#count++
    const group = { provider, model, price, terms, ids: new Map<LinePart, number>() }
    this.#groups.set(price, [...(this.#groups.get(price) ?? []), group])
    return group
  }

  /** Adds those of these lines that the ledger does not have, and makes their ids known. */
  *learn(unknown: readonly UnknownLine[]): Steps<void> {
    const values = unknown.map(valuesOf)
    yield* bulk(ADD_LINES, values)
    const rows = yield* bulk(
      this.#find,
      values.map((row, nr) => [nr, ...row]),
    )
    for (const row of rows) {
      const line = unknown[integer(row, 'nr')]
      line?.group.ids.set(line.part, integer(row, 'id'))
    }
    for (const { group, part } of unknown) assert(group.ids.has(part), 'a price line that was added is found')
  }

  /** After a transaction that was rolled back. */
  forget(): void {
    this.#groups.clear()
    this.#count = 0
  }
}

function areSame(one: LineTerms, other: LineTerms): boolean {
  return one.basis === other.basis && one.tier === other.tier && one.above === other.above
}

function valuesOf({ group, part }: UnknownLine): readonly Value[] {
  const { provider, model, price, terms } = group
  const { basis, tier, above } = terms
  const unit = price === undefined ? 0 : (unitsAt(price, above)[LINE_PARTS.indexOf(part)] ?? 0)
  // '1/2' of the unit price; '' is all of it.
  const share = price === undefined ? undefined : shareOf(price, tier, part)
  return [provider, model, part, basis, tier, above, unit, share === undefined ? '' : share.join('/')]
}

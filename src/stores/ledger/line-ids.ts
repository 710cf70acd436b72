import type { LineBasis, LinePart, LineTerms } from '../../domain/usage/price-lines.ts'
import { assert } from '../../domain/defect.ts'
import type { Dialect } from './dialect.ts'
import { integer } from './row.ts'
import { type Bulk, bulk, type Columns, insert, type Steps, type Value } from './statement.ts'

/** What a price line is: who made the tokens, which of them, and under what price. */
export interface LineKey {
  readonly provider: string
  readonly model: string
  readonly part: LinePart
  readonly basis: LineBasis
  readonly tier: LineTerms['tier']
  readonly above: number
  readonly unitPico: number
  /** What the tier costs of that: `1/2`; '' for all of it. */
  readonly share: string
}

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

/** Lines whose ids are remembered; more are looked up again. */
const LINES_MAX = 100_000

/** The ids of price lines: a few for each model and price, however many calls there are. */
export class LineIds {
  readonly #find: Bulk
  readonly #ids = new Map<string, number>()

  constructor({ sameLine }: Dialect) {
    this.#find = {
      sql: `SELECT given.nr AS nr, price_lines.id AS id FROM GIVEN JOIN price_lines ON ${sameLine}`,
      columns: { nr: 'integer', ...COLUMNS },
    }
  }

  /** Adds those of these lines that the ledger does not have yet. @returns their ids, in their order */
  *idsOf(lines: readonly LineKey[]): Steps<readonly number[]> {
    if (this.#ids.size > LINES_MAX) this.#ids.clear()
    const names = lines.map(nameOf)
    const unknown = new Map<string, LineKey>()
    for (const [i, line] of lines.entries()) {
      const name = names[i] ?? ''
      if (!this.#ids.has(name)) unknown.set(name, line)
    }
    yield* this.#learn([...unknown])
    return names.map((name) => {
      const id = this.#ids.get(name)
      assert(id !== undefined, 'a price line that was added is found')
      return id
    })
  }

  *#learn(unknown: readonly (readonly [string, LineKey])[]): Steps<void> {
    const values = unknown.map(([, line]) => valuesOf(line))
    yield* bulk(ADD_LINES, values)
    const rows = yield* bulk(
      this.#find,
      values.map((row, nr) => [nr, ...row]),
    )
    for (const row of rows) {
      const [name] = unknown[integer(row, 'nr')] ?? []
      if (name !== undefined) this.#ids.set(name, integer(row, 'id'))
    }
  }

  /** After a transaction that was rolled back. */
  forget(): void {
    this.#ids.clear()
  }
}

function valuesOf({ provider, model, part, basis, tier, above, unitPico, share }: LineKey): readonly Value[] {
  return [provider, model, part, basis, tier, above, unitPico, share]
}

function nameOf({ provider, model, part, basis, tier, above, unitPico, share }: LineKey): string {
  return `${part}\0${basis}\0${tier}\0${above}\0${unitPico}\0${share}\0${provider}\0${model}`
}

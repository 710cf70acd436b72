import type { Call } from '../../domain/call.ts'
import { assert } from '../../domain/defect.ts'
import type { Dialect } from './dialect.ts'
import { textOf } from './call-kind.ts'
import { integer } from './row.ts'
import { type Bulk, bulk, type Columns, insert, type Steps, type Value } from './statement.ts'

const COLUMNS: Columns = {
  team: 'text',
  project: 'text',
  user: 'text',
  key: 'text',
  provider: 'text',
  model: 'text',
  tags: 'text',
  endpoint: 'text',
  price: 'text',
}
const ADD_CALLERS = insert('callers', COLUMNS, 'ON CONFLICT DO NOTHING')

interface KnownCaller {
  readonly endpoint: string
  readonly price: Call['price']
  readonly id: number
}

/** The ids of callers. Calls of one caller share their attributes and price: what is the same object need not be compared. */
export class Callers {
  readonly #find: Bulk
  #known = new WeakMap<Call['attributes'], KnownCaller[]>()

  constructor({ sameCaller }: Dialect) {
    this.#find = {
      sql: `SELECT given.nr AS nr, callers.id AS id FROM GIVEN JOIN callers ON ${sameCaller}`,
      columns: { nr: 'integer', ...COLUMNS },
    }
  }

  /** Adds those of these calls that the ledger does not have yet. */
  *learn(calls: readonly Call[]): Steps<void> {
    const unknown = [
      ...new Map(calls.filter((call) => this.#idOf(call) === undefined).map((call) => [valuesOf(call).join('\0'), call])).values(),
    ]
    yield* bulk(ADD_CALLERS, unknown.map(valuesOf))
    const rows = yield* bulk(
      this.#find,
      unknown.map((call, nr) => [nr, ...valuesOf(call)]),
    )
    const ids = new Map(rows.map((row) => [integer(row, 'nr'), integer(row, 'id')]))
    const byValues = new Map(unknown.map((call, nr) => [valuesOf(call).join('\0'), ids.get(nr)]))
    for (const call of calls) {
      if (this.#idOf(call) !== undefined) continue
      const id = byValues.get(valuesOf(call).join('\0'))
      assert(id !== undefined, 'a caller that was added is found')
      const { attributes, endpoint, price } = call
      this.#known.set(attributes, [...(this.#known.get(attributes) ?? []), { endpoint, price, id }])
    }
  }

  /** @throws Defect where it was not learnt */
  idOf(call: Call): number {
    const id = this.#idOf(call)
    assert(id !== undefined, 'the caller of a call is known')
    return id
  }

  /** After a transaction that was rolled back. */
  forget(): void {
    this.#known = new WeakMap()
  }

  #idOf({ attributes, endpoint, price }: Call): number | undefined {
    return this.#known.get(attributes)?.find((caller) => caller.endpoint === endpoint && caller.price === price)?.id
  }
}

function valuesOf({ attributes, endpoint, price }: Call): readonly Value[] {
  const { team = '', project = '', user = '', key = '', provider, model, tags } = attributes
  return [team, project, user, key, provider, model, textOf(tags), endpoint, price === undefined ? '' : textOf(price)]
}

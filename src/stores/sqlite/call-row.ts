import type { Call, EndedCall, Hold } from '../../domain/call.ts'
import type { Database } from './database.ts'
import { textOf } from './packed-record.ts'
import { marks } from './rollups.ts'
import { integer } from './row.ts'

const COLUMNS =
  'id, caller, admitted_at, ended_at, ending, status, usage_kind, why, input, cached_input, cache_write, output, reasoning, ' +
  'cost_nano_usd, charges, overrun, held_input, held_output, spared'

/** Adds a call's row; changes nothing where it is there already. */
export const ADD_CALL = `INSERT INTO ended_calls (${COLUMNS}) VALUES (${marks(COLUMNS.split(', ').length)}) ON CONFLICT (id) DO NOTHING`

/**
 * The values for {@link ADD_CALL}.
 * @param caller the id of what it has in common with others
 * @param charges JSON: [[account id, amount, how much of it went beyond the hold], ...]
 */
export function toCallRow(
  ended: EndedCall,
  { hold, caller, charges }: { readonly hold: Hold; readonly caller: number; readonly charges: string },
): (string | number | null)[] {
  const { call, usage, tokens } = ended
  const row: (string | number | null)[] = [call.id, caller, call.admittedAt, ended.endedAt, ended.ending, ended.status ?? null]
  row.push(usage.kind, usage.kind === 'estimated' ? usage.why : '')
  row.push(tokens.input, tokens.cachedInput, tokens.cacheWrite, tokens.output, tokens.reasoning, ended.costNanoUsd)
  row.push(charges, ended.overrun, hold.input, hold.output, hold.isSpared ? 1 : 0)
  return row
}

const ADD_CALLER = `INSERT INTO callers (team, project, user, key, provider, model, tags, endpoint, price) VALUES (${marks(9)})
  ON CONFLICT DO NOTHING`
const FIND_CALLER = `SELECT id FROM callers WHERE team = ? AND project = ? AND user = ? AND key = ? AND provider = ? AND model = ?
  AND tags = ? AND endpoint = ? AND price = ?`

interface KnownCaller {
  readonly endpoint: string
  readonly price: Call['price']
  readonly id: number
}

/** The ids of callers. Calls of one caller share their attributes and price: what is the same object need not be compared. */
export class Callers {
  readonly #db: Database
  #known = new WeakMap<Call['attributes'], KnownCaller[]>()

  constructor(db: Database) {
    this.#db = db
  }

  idOf({ attributes, endpoint, price }: Call): number {
    const known = this.#known.get(attributes) ?? []
    const found = known.find((caller) => caller.endpoint === endpoint && caller.price === price)
    if (found !== undefined) return found.id
    const id = this.#idInLedger({ attributes, endpoint, price })
    known.push({ endpoint, price, id })
    this.#known.set(attributes, known)
    return id
  }

  /** After a transaction that was rolled back. */
  forget(): void {
    this.#known = new WeakMap()
  }

  #idInLedger({ attributes, endpoint, price }: Pick<Call, 'attributes' | 'endpoint' | 'price'>): number {
    const { team = '', project = '', user = '', key = '', provider, model, tags } = attributes
    const values = [team, project, user, key, provider, model, textOf(tags), endpoint, price === undefined ? '' : textOf(price)]
    this.#db.run(ADD_CALLER, ...values)
    return integer(this.#db.first(FIND_CALLER, ...values) ?? {}, 'id')
  }
}

import { assert } from '../../domain/defect.ts'
import type { AccountKey } from '../../domain/ids.ts'
import { integer } from './row.ts'
import { type Bulk, bulk, type Steps } from './statement.ts'

const FIND_ACCOUNTS: Bulk = {
  sql: 'SELECT given.nr AS nr, accounts.id AS id FROM GIVEN JOIN accounts ON accounts.key = given.key',
  columns: { nr: 'integer', key: 'text' },
}

/** Account ids that are remembered; more are looked up again. */
const IDS_MAX = 100_000

/** The ids of accounts. */
export class AccountIds {
  readonly #ids = new Map<AccountKey, number>()

  /** @throws Defect where no such account was opened */
  of(key: AccountKey): number {
    const id = this.#ids.get(key)
    assert(id !== undefined, `an account that is charged was opened: ${key}`)
    return id
  }

  /** Looks up those of these that are not known yet. */
  *learn(keys: readonly AccountKey[]): Steps<void> {
    const isUnknown = (key: AccountKey) => !this.#ids.has(key)
    let unknown = [...new Set(keys.filter(isUnknown))]
    if (this.#ids.size + unknown.length > IDS_MAX) {
      this.#ids.clear()
      unknown = [...new Set(keys)]
    }
    const rows = yield* bulk(
      FIND_ACCOUNTS,
      unknown.map((key, nr) => [nr, key]),
    )
    const ids = new Map(rows.map((row) => [integer(row, 'nr'), integer(row, 'id')]))
    for (const [nr, key] of unknown.entries()) {
      const id = ids.get(nr)
      if (id !== undefined) this.#ids.set(key, id)
    }
  }

  /** After a transaction that was rolled back. */
  forget(): void {
    this.#ids.clear()
  }
}

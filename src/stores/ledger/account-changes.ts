import { type Amount, plus } from '../../domain/amount.ts'
import type { Close } from '../../domain/accounts/close.ts'
import { assert } from '../../domain/defect.ts'
import type { AccountKey } from '../../domain/ids.ts'
import type { EpochMs } from '../../domain/instant.ts'
import type { AuditEntry, LedgerRecord } from '../../domain/record.ts'
import type { AccountIds } from './account-ids.ts'
import type { ChargeRow } from './call-row.ts'
import { chainHash, type CloseContent } from './close-chain.ts'
import { plusInSql } from './measures.ts'
import { integer, type Row, text } from './row.ts'
import { type Bulk, bulk, insert, query, type Steps } from './statement.ts'

type Opened = Extract<LedgerRecord, { kind: 'opened' }>

const ADD_ACCOUNTS = insert(
  'accounts',
  {
    key: 'text',
    budget: 'text',
    each_value: 'text',
    unit: 'text',
    period_kind: 'text',
    period_name: 'text',
    starts_at: 'integer',
    ends_at: 'integer',
  },
  'ON CONFLICT DO NOTHING',
)
const CHARGE_ACCOUNTS: Bulk = {
  sql: `UPDATE accounts SET used = ${plusInSql('accounts.used', 'given.used')},
    overrun = ${plusInSql('accounts.overrun', 'given.overrun')},
    calls = accounts.calls + given.calls FROM GIVEN WHERE accounts.id = given.id`,
  columns: { id: 'integer', used: 'integer', overrun: 'integer', calls: 'integer' },
}
const END_ACCOUNTS: Bulk = {
  sql: `UPDATE accounts SET ends_at = given.ends_at, closed_at = coalesce(accounts.closed_at, given.closed_at)
    FROM GIVEN WHERE accounts.id = given.id`,
  columns: { id: 'integer', ends_at: 'integer', closed_at: 'integer' },
}
const FIND_CLOSING: Bulk = {
  sql: `SELECT given.nr AS nr, accounts.used, accounts.overrun, accounts.calls, accounts.closed_at
    FROM GIVEN JOIN accounts ON accounts.key = given.key`,
  columns: { nr: 'integer', key: 'text' },
}
const ADD_CLOSES = insert('closes', { account: 'text', budget: 'text', content: 'text', hash: 'text' })

/** What a batch adds to an account. */
interface Added {
  used: Amount
  overrun: Amount
  calls: number
}

interface Ended {
  readonly endsAt: EpochMs
  readonly closedAt: EpochMs | null
}

/** Accounts that were opened; one that was opened before stays as it is. */
export function* openAccounts(opened: readonly Opened[]): Steps<void> {
  const rows = opened.map(({ account, budget, each, unit, period }) => {
    return [account, budget, each, unit, period.kind, period.name, period.startsAt, period.endsAt]
  })
  yield* bulk(ADD_ACCOUNTS, rows)
}

/** What becomes of the accounts in one batch. */
export class AccountChanges {
  readonly #ids: AccountIds
  readonly #closing: ReadonlyMap<AccountKey, Row>
  readonly #added = new Map<number, Added>()
  readonly #ended = new Map<number, Ended>()
  readonly #closed = new Set<AccountKey>()
  readonly #closes: (readonly [AccountKey, string, string, string])[] = []
  #lastHash: string

  private constructor(ids: AccountIds, closing: ReadonlyMap<AccountKey, Row>, lastHash: string) {
    this.#ids = ids
    this.#closing = closing
    this.#lastHash = lastHash
  }

  /** @param closes those that the batch writes */
  static *begin(ids: AccountIds, closes: readonly Close[]): Steps<AccountChanges> {
    if (closes.length === 0) return new AccountChanges(ids, new Map(), '')
    const keys = [...new Set(closes.map(({ account }) => account))]
    const rows = yield* bulk(
      FIND_CLOSING,
      keys.map((key, nr) => [nr, key]),
    )
    const [last] = yield* query('SELECT hash FROM closes ORDER BY position DESC LIMIT 1')
    const closing = new Map<AccountKey, Row>()
    for (const row of rows) {
      const key = keys[integer(row, 'nr')]
      if (key !== undefined) closing.set(key, row)
    }
    return new AccountChanges(ids, closing, last === undefined ? '' : text(last, 'hash'))
  }

  charge(charges: readonly ChargeRow[]): void {
    for (const [id, used, overrun] of charges) {
      const added = this.#added.get(id) ?? this.#begin(id)
      added.used = plus(added.used, used)
      added.overrun = plus(added.overrun, overrun)
      added.calls++
    }
  }

  #begin(id: number): Added {
    const added = { used: 0, overrun: 0, calls: 0 }
    this.#added.set(id, added)
    return added
  }

  cut(account: AccountKey, endsAt: EpochMs): void {
    const id = this.#ids.of(account)
    this.#ended.set(id, { endsAt, closedAt: this.#ended.get(id)?.closedAt ?? null })
  }

  /**
   * Closes an account, once. The sums of a close are the ledger's own.
   * @returns what is to be put on record, where the counters had other sums
   */
  close(close: Close): readonly AuditEntry[] {
    const row = this.#closing.get(close.account)
    assert(row !== undefined, `the account of a close was opened: ${close.account}`)
    if (row['closed_at'] !== null || this.#closed.has(close.account)) return []
    const id = this.#ids.of(close.account)
    const added = this.#added.get(id) ?? { used: 0, overrun: 0, calls: 0 }
    const sums = { used: plus(integer(row, 'used'), added.used), overrun: plus(integer(row, 'overrun'), added.overrun) }
    const content: CloseContent = { ...close, ...sums, calls: integer(row, 'calls') + added.calls }
    const json = JSON.stringify(content)
    this.#lastHash = chainHash(this.#lastHash, json)
    this.#closes.push([close.account, close.budget, json, this.#lastHash])
    this.#closed.add(close.account)
    this.#ended.set(id, { endsAt: close.period.endsAt, closedAt: close.closedAt })
    return sums.used === close.used && sums.overrun === close.overrun ? [] : [differenceEntry(close, sums)]
  }

  *write(): Steps<void> {
    const charged = [...this.#added].map(([id, { used, overrun, calls }]) => [id, used, overrun, calls])
    yield* bulk(CHARGE_ACCOUNTS, charged)
    const ended = [...this.#ended].map(([id, { endsAt, closedAt }]) => [id, endsAt, closedAt])
    yield* bulk(END_ACCOUNTS, ended)
    yield* bulk(ADD_CLOSES, this.#closes)
  }
}

function differenceEntry(close: Close, ledger: { readonly used: Amount; readonly overrun: Amount }): AuditEntry {
  return {
    id: `ledger-difference\n${close.account}`,
    at: close.closedAt,
    actor: 'ledger',
    action: 'ledger-difference',
    target: close.account,
    reason: "the counters' sums at the close differ from the ledger's; the close has the ledger's",
    before: JSON.stringify({ used: close.used, overrun: close.overrun }),
    after: JSON.stringify(ledger),
  }
}

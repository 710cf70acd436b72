import type { Alert } from '../../domain/alert.ts'
import type { Amount } from '../../domain/amount.ts'
import { endedCall, type OpenHold, type Settlement } from '../../domain/call.ts'
import type { Close } from '../../domain/close.ts'
import { assert } from '../../domain/defect.ts'
import type { AccountKey, CallId } from '../../domain/ids.ts'
import type { EpochMs } from '../../domain/instant.ts'
import type { AuditEntry, DeliveryAttempt, LedgerRecord } from '../../domain/record.ts'
import { ADD_CALL, Callers, toCallRow } from './call-row.ts'
import { chainHash, type CloseContent } from './close-chain.ts'
import type { Database } from './database.ts'
import type { Batch } from './journal-reader.ts'
import { fromJson, hasFields, integer, text } from './row.ts'
import { marks, Rollups } from './rollups.ts'
import type { Position } from './segment.ts'

const ADD_ACCOUNT = `INSERT INTO accounts (key, budget, each_value, unit, period_kind, period_name, starts_at, ends_at)
  VALUES (${marks(8)}) ON CONFLICT (key) DO NOTHING`
const CHARGE_ACCOUNT = 'UPDATE accounts SET used = used + ?, overrun = overrun + ?, calls = calls + ? WHERE id = ?'
const ADD_AUDIT = `INSERT INTO audit (id, at, actor, action, target, reason, before, after) VALUES (${marks(8)}) ON CONFLICT DO NOTHING`
const TRY_DELIVERY = `UPDATE deliveries SET state = ?, attempts = attempts + 1, next_at = ?, last_error = ?
  WHERE alert = ? AND channel = ? AND state <> 'delivered'`

/** Account ids that are remembered; more are looked up again. */
const IDS_MAX = 100_000

/** What a batch adds to an account. */
interface Added {
  used: Amount
  overrun: Amount
  calls: number
}

/** What a batch holds in memory until it is written. */
interface Pending {
  readonly holds: Map<CallId, OpenHold>
  readonly accounts: Map<number, Added>
  readonly rollups: Rollups
  alerts: number
}

/**
 * Applies journal records to the ledger's tables. A batch and the new position in the journal are one transaction: so each
 * record is applied exactly once, and catching up after a crash is the same as going on.
 */
export class Applier {
  readonly #db: Database
  readonly #ids = new Map<AccountKey, number>()
  readonly #callers: Callers

  constructor(db: Database) {
    this.#db = db
    this.#callers = new Callers(db)
  }

  /** Up to where the journal is applied. */
  position(): Position {
    const at = (name: string) => integer(this.#db.first('SELECT value FROM meta WHERE name = ?', name) ?? {}, 'value')
    return { segment: at('segment'), offset: at('offset') }
  }

  /**
   * @returns how many alerts are new
   * @throws what SQLite throws, or a Defect: then nothing of the batch was applied
   */
  apply({ records, next }: Batch): number {
    try {
      return this.#db.transaction('IMMEDIATE', () => {
        const pending: Pending = { holds: new Map(), accounts: new Map(), rollups: new Rollups(), alerts: 0 }
        for (const record of records) this.#applyRecord(record, pending)
        this.#write(pending)
        this.#moveTo(next)
        return pending.alerts
      })
    } catch (error) {
      this.#ids.clear()
      this.#callers.forget()
      throw error
    }
  }

  /** Goes on at that place, whatever stands before it. */
  moveTo(next: Position): void {
    this.#db.transaction('IMMEDIATE', () => this.#moveTo(next))
  }

  #moveTo(next: Position): void {
    this.#db.run("UPDATE meta SET value = ? WHERE name = 'segment'", next.segment)
    this.#db.run("UPDATE meta SET value = ? WHERE name = 'offset'", next.offset)
  }

  #applyRecord(record: LedgerRecord, pending: Pending): void {
    if (record.kind === 'held') pending.holds.set(record.hold.call.id, record.hold)
    else if (record.kind === 'ended') this.#end(record.settlement, record.alerts, pending)
    else if (record.kind === 'renewed') this.#renew(record.call, record.expiresAt, pending)
    else if (record.kind === 'deferred') this.#defer(record, pending)
    else if (record.kind === 'raised') this.#raise(record, pending)
    else this.#applySeldom(record, pending)
  }

  /** What is not part of every call. */
  #applySeldom(record: Exclude<LedgerRecord, { kind: 'held' | 'renewed' | 'deferred' | 'raised' | 'ended' }>, pending: Pending): void {
    switch (record.kind) {
      case 'opened':
        return this.#open(record)
      case 'alerted':
        return this.#alert(record.alert, pending)
      case 'cut':
        this.#db.run('UPDATE accounts SET ends_at = ? WHERE id = ?', record.endsAt, this.#idOf(record.account))
        return
      case 'closed':
        return this.#close(record.close, pending)
      case 'revised':
        return this.#upsert('budgets', record.budget)
      case 'key':
        return this.#upsert('keys', record.key)
      case 'delivery':
        return this.#tryDelivery(record.attempt)
      case 'audit':
        return this.#audit(record.entry)
    }
  }

  #open({ account, budget, each, unit, period }: Extract<LedgerRecord, { kind: 'opened' }>): void {
    this.#db.run(ADD_ACCOUNT, account, budget, each, unit, period.kind, period.name, period.startsAt, period.endsAt)
  }

  #renew(call: CallId, expiresAt: EpochMs, { holds }: Pending): void {
    const hold = holds.get(call)
    if (hold === undefined) this.#db.run('UPDATE holds SET expires_at = ? WHERE call = ?', expiresAt, call)
    else holds.set(call, { ...hold, expiresAt })
  }

  #defer({ call, job, expiresAt }: Extract<LedgerRecord, { kind: 'deferred' }>, pending: Pending): void {
    const hold = this.#takeHold(call, pending)
    if (hold !== undefined) pending.holds.set(call, { ...hold, job, expiresAt })
  }

  #raise({ call, output, costNanoUsd, amounts }: Extract<LedgerRecord, { kind: 'raised' }>, pending: Pending): void {
    const hold = this.#takeHold(call, pending)
    if (hold === undefined) return
    const charges = hold.charges.map(({ account, amount }, i) => ({ account, amount: amounts[i] ?? amount }))
    pending.holds.set(call, { ...hold, output, costNanoUsd, charges })
  }

  /** Without a hold it was ended before: then there is nothing left to do. */
  #end(settlement: Settlement, alerts: readonly Alert[], pending: Pending): void {
    const hold = this.#takeHold(settlement.call, pending)
    if (hold === undefined) return
    const ended = endedCall(hold, settlement)
    const charges = hold.charges.map(({ account, amount: held }, i) => {
      const amount = settlement.amounts[i] ?? 0
      return [this.#idOf(account), amount, Math.max(0, amount - held)] as const
    })
    if (this.#db.run(ADD_CALL, ...toCallRow(ended, { hold, caller: this.#callers.idOf(hold.call), charges: jsonOf(charges) })) === 0) return
    for (const [id, used, overrun] of charges) {
      const added = pending.accounts.get(id) ?? { used: 0, overrun: 0, calls: 0 }
      added.used += used
      added.overrun += overrun
      added.calls++
      pending.accounts.set(id, added)
    }
    pending.rollups.add(ended)
    for (const alert of alerts) this.#alert(alert, pending)
  }

  /** A hold that begins and ends in one batch never reaches the table. */
  #takeHold(call: CallId, { holds }: Pending): OpenHold | undefined {
    const hold = holds.get(call)
    if (hold !== undefined) {
      holds.delete(call)
      return hold
    }
    const row = this.#db.first('DELETE FROM holds WHERE call = ? RETURNING record', call)
    return row === undefined ? undefined : fromJson(text(row, 'record'), isHold)
  }

  /** Once per account and threshold, and the deliveries with it. */
  #alert(alert: Alert, pending: Pending): void {
    this.#db.run('UPDATE accounts SET alerted_at = max(alerted_at, ?) WHERE key = ?', alert.threshold, alert.account)
    const sql = `INSERT INTO alerts (id, account, threshold, record) VALUES (${marks(4)}) ON CONFLICT DO NOTHING`
    if (this.#db.run(sql, alert.id, alert.account, alert.threshold, JSON.stringify(alert)) === 0) return
    pending.alerts++
    for (const channel of alert.channels) {
      this.#db.run("INSERT INTO deliveries VALUES (?, ?, 'pending', 0, ?, '') ON CONFLICT DO NOTHING", alert.id, channel, alert.at)
    }
  }

  /** The sums of a close are the ledger's own; where the counters had others, that is put on record. */
  #close(close: Close, pending: Pending): void {
    this.#writeAccounts(pending)
    const row = this.#db.first('SELECT used, overrun, calls, closed_at FROM accounts WHERE key = ?', close.account)
    assert(row !== undefined, `the account of a close was opened: ${close.account}`)
    if (row['closed_at'] !== null) return
    const sums = { used: integer(row, 'used'), overrun: integer(row, 'overrun') }
    if (sums.used !== close.used || sums.overrun !== close.overrun) this.#audit(differenceEntry(close, sums))
    const content: CloseContent = { ...close, ...sums, calls: integer(row, 'calls') }
    const json = JSON.stringify(content)
    const previous = this.#db.first('SELECT hash FROM closes ORDER BY position DESC LIMIT 1')
    const hash = chainHash(previous === undefined ? '' : text(previous, 'hash'), json)
    this.#db.run('INSERT INTO closes (account, budget, content, hash) VALUES (?, ?, ?, ?)', close.account, close.budget, json, hash)
    this.#db.run('UPDATE accounts SET closed_at = ?, ends_at = ? WHERE key = ?', close.closedAt, close.period.endsAt, close.account)
  }

  #upsert(table: 'budgets' | 'keys', record: { readonly id: string }): void {
    const sql = `INSERT INTO ${table} (id, record) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET record = excluded.record`
    this.#db.run(sql, record.id, JSON.stringify(record))
  }

  #tryDelivery({ alert, channel, outcome, error, nextAt }: DeliveryAttempt): void {
    this.#db.run(TRY_DELIVERY, outcome === 'retry' ? 'pending' : outcome, nextAt, error, alert, channel)
  }

  #audit({ id, at, actor, action, target, reason, before, after }: AuditEntry): void {
    this.#db.run(ADD_AUDIT, id, at, actor, action, target, reason, before, after)
  }

  #write(pending: Pending): void {
    this.#writeAccounts(pending)
    const sql =
      'INSERT INTO holds (call, expires_at, record) VALUES (?, ?, ?) ON CONFLICT (call) DO UPDATE SET expires_at = excluded.expires_at, record = excluded.record'
    for (const [call, hold] of pending.holds) this.#db.run(sql, call, hold.expiresAt, JSON.stringify(hold))
    pending.rollups.write(this.#db)
  }

  #writeAccounts({ accounts }: Pending): void {
    for (const [id, { used, overrun, calls }] of accounts) this.#db.run(CHARGE_ACCOUNT, used, overrun, calls, id)
    accounts.clear()
  }

  #idOf(key: AccountKey): number {
    const known = this.#ids.get(key)
    if (known !== undefined) return known
    const row = this.#db.first('SELECT id FROM accounts WHERE key = ?', key)
    assert(row !== undefined, `an account that is charged was opened: ${key}`)
    if (this.#ids.size >= IDS_MAX) this.#ids.clear()
    const id = integer(row, 'id')
    this.#ids.set(key, id)
    return id
  }
}

/** Their JSON; they are all numbers. */
function jsonOf(charges: readonly (readonly [number, Amount, Amount])[]): string {
  let json = ''
  for (const [id, amount, beyond] of charges) json += `${json === '' ? '' : ','}[${id},${amount},${beyond}]`
  return `[${json}]`
}

const isHold = hasFields<OpenHold>('call', 'charges', 'expiresAt')

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

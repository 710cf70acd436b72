import { hash } from 'node:crypto'
import type { DatabaseSync, StatementSync } from 'node:sqlite'
import type { Alert } from '../../domain/alert.ts'
import type { EndedCall, Hold } from '../../domain/call.ts'
import type { Close } from '../../domain/close.ts'
import { assert } from '../../domain/defect.ts'
import type { LedgerRecord } from '../../domain/record.ts'
import { attributesOf, prepareRollups, RollupBatch, type RollupStatements } from './rollup.ts'
import type { Position } from './segments.ts'

/** What a batch adds to an account's row. */
interface AccountDelta {
  used: number
  overrun: number
  calls: number
}

/** Applies records to the tables, in order, a batch in one transaction with the position behind it: each is applied once. */
export class Applier {
  readonly #db: DatabaseSync
  readonly #statements: Statements
  readonly #accountIds = new Map<string, number>()
  #holds = new Map<string, Hold>()
  #deltas = new Map<number, AccountDelta>()
  #rollups = new RollupBatch()
  #newAlerts = 0

  constructor(db: DatabaseSync) {
    this.#db = db
    this.#statements = prepareStatements(db)
  }

  /** Everything before it is applied. */
  position(): Position {
    const row = this.#db.prepare('SELECT segment, byte_offset FROM position').get()
    return { segment: Number(row?.['segment']), offset: Number(row?.['byte_offset']) }
  }

  /**
   * @returns how many alerts are new
   * @throws the database's error: then nothing of the batch is applied
   */
  apply(records: readonly LedgerRecord[], end: Position): number {
    this.#holds = new Map()
    this.#deltas = new Map()
    this.#rollups = new RollupBatch()
    this.#newAlerts = 0
    this.#db.exec('BEGIN IMMEDIATE')
    try {
      for (const record of records) this.#applyOne(record)
      this.#writeSums()
      this.#statements.position.run(end.segment, end.offset)
      this.#db.exec('COMMIT')
    } catch (error) {
      if (this.#db.isTransaction) this.#db.exec('ROLLBACK')
      this.#accountIds.clear()
      throw error
    }
    return this.#newAlerts
  }

  #applyOne(record: LedgerRecord): void {
    const { statements } = { statements: this.#statements }
    switch (record.kind) {
      case 'opened': {
        const { account, budget, each, unit, period } = record
        statements.openAccount.run(account, budget, each, unit, period.kind, period.name, period.startsAt, period.endsAt)
        return
      }
      case 'held':
        this.#holds.set(record.hold.call.id, record.hold)
        return
      case 'renewed':
        return this.#renew(record.call, record.expiresAt)
      case 'ended':
        return this.#end(record.ended, record.alerts)
      case 'alerted':
        return this.#alert(record.alert)
      case 'cut':
        statements.cutAccount.run(record.endsAt, record.account)
        return
      case 'closed':
        return this.#close(record.close)
      case 'revised':
        statements.putBudget.run(record.budget.id, JSON.stringify(record.budget))
        return
      case 'key':
        statements.putKey.run(record.key.id, JSON.stringify(record.key))
        return
      case 'delivery': {
        const { alert, channel, outcome, nextAt, error } = record.attempt
        const state = outcome === 'retry' ? 'pending' : outcome
        statements.attempt.run(state, nextAt, error, alert, channel)
        return
      }
      case 'audit':
        statements.putAudit.run(record.entry.id, JSON.stringify(record.entry))
    }
  }

  #renew(call: string, expiresAt: number): void {
    const hold = this.#holds.get(call) ?? this.#storedHold(call)
    if (hold !== undefined) this.#holds.set(call, { ...hold, expiresAt })
  }

  #end(ended: EndedCall, alerts: readonly Alert[]): void {
    const hold = this.#holds.get(ended.call.id) ?? this.#storedHold(ended.call.id)
    this.#holds.delete(ended.call.id)
    this.#statements.dropHold.run(ended.call.id)
    const charges = ended.charges.map(({ account, amount }) => [this.#accountId(account), amount] as const)
    if (this.#insertCall(ended, JSON.stringify(charges)) === 0) return
    for (const [i, [id, amount]] of charges.entries()) {
      const delta = this.#deltas.get(id) ?? { used: 0, overrun: 0, calls: 0 }
      delta.used += amount
      delta.overrun += Math.max(0, amount - (hold?.charges[i]?.amount ?? 0))
      delta.calls++
      this.#deltas.set(id, delta)
    }
    this.#rollups.add(ended)
    for (const alert of alerts) this.#alert(alert)
  }

  #insertCall(ended: EndedCall, charges: string): number {
    const { call, usage, tokens, endedAt, ending, status, costNanoUsd, overrun } = ended
    const values = attributesOf(ended)
    const { changes } = this.#statements.putCall.run(
      call.id,
      call.admittedAt,
      endedAt,
      values.team,
      values.project,
      values.user,
      values.key,
      values.provider,
      values.model,
      JSON.stringify(call.attributes.tags),
      call.endpoint,
      ending,
      status ?? null,
      usage.kind,
      usage.kind === 'estimated' ? usage.why : '',
      tokens.input,
      tokens.cachedInput,
      tokens.cacheWrite,
      tokens.output,
      tokens.reasoning,
      costNanoUsd,
      call.price === undefined ? null : JSON.stringify(call.price),
      charges,
      overrun,
    )
    return Number(changes)
  }

  #alert(alert: Alert): void {
    this.#statements.latchAlert.run(alert.threshold, alert.account)
    const { changes } = this.#statements.putAlert.run(alert.id, alert.account, alert.threshold, JSON.stringify(alert))
    if (Number(changes) === 0) return
    this.#newAlerts++
    for (const channel of alert.channels) this.#statements.putDelivery.run(alert.id, channel, alert.at)
  }

  #close(close: Close): void {
    this.#writeSums()
    const row = this.#statements.account.get(close.account)
    const used = Number(row?.['used'] ?? 0)
    const calls = Number(row?.['calls'] ?? 0)
    if (used !== close.used) this.#noteDifference(close, used)
    const text = JSON.stringify({ ...close, used })
    const before = String(this.#statements.lastHash.get()?.['hash'] ?? '')
    const hashed = hash('sha256', `${before}\n${calls}\n${text}`, 'hex')
    this.#statements.putClose.run(close.account, close.budget, text, used, calls, close.closedAt, hashed)
    this.#statements.closeAccount.run(close.closedAt, close.account)
  }

  #noteDifference(close: Close, used: number): void {
    const entry = {
      id: `difference-${close.account}`,
      at: close.closedAt,
      actor: 'ledger',
      action: 'ledger.difference',
      target: close.account,
      reason: "the counter differs from the calls' sum; the close has the sum",
      before: String(close.used),
      after: String(used),
    }
    this.#statements.putAudit.run(entry.id, JSON.stringify(entry))
  }

  #writeSums(): void {
    for (const [id, { used, overrun, calls }] of this.#deltas) this.#statements.addToAccount.run(used, overrun, calls, id)
    this.#deltas.clear()
    this.#rollups.write(this.#statements.rollups)
    this.#rollups = new RollupBatch()
    for (const [id, hold] of this.#holds) this.#statements.putHold.run(id, JSON.stringify(hold))
    this.#holds.clear()
  }

  #storedHold(call: string): Hold | undefined {
    const row = this.#statements.hold.get(call)
    return row === undefined ? undefined : JSON.parse(String(row['hold']))
  }

  #accountId(key: string): number {
    const known = this.#accountIds.get(key)
    if (known !== undefined) return known
    const row = this.#statements.account.get(key)
    assert(row !== undefined, `the account ${JSON.stringify(key)} was opened before it was charged`)
    const id = Number(row['id'])
    this.#accountIds.set(key, id)
    return id
  }
}

function prepareStatements(db: DatabaseSync) {
  const calls = Array.from({ length: 24 }, () => '?').join(', ')
  return {
    position: db.prepare('UPDATE position SET segment = ?, byte_offset = ?'),
    openAccount: db.prepare(
      'INSERT INTO accounts (key, budget, each_value, unit, period_kind, period_name, starts_at, ends_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING',
    ),
    account: db.prepare('SELECT id, used, calls FROM accounts WHERE key = ?'),
    addToAccount: db.prepare('UPDATE accounts SET used = used + ?, overrun = overrun + ?, calls = calls + ? WHERE id = ?'),
    cutAccount: db.prepare('UPDATE accounts SET ends_at = ? WHERE key = ?'),
    closeAccount: db.prepare('UPDATE accounts SET closed_at = ? WHERE key = ?'),
    latchAlert: db.prepare('UPDATE accounts SET alerted_at = MAX(alerted_at, ?) WHERE key = ?'),
    putCall: db.prepare(`INSERT INTO calls VALUES (${calls}) ON CONFLICT DO NOTHING`),
    hold: db.prepare('SELECT hold FROM holds WHERE id = ?'),
    putHold: db.prepare('INSERT INTO holds VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET hold = excluded.hold'),
    dropHold: db.prepare('DELETE FROM holds WHERE id = ?'),
    putAlert: db.prepare('INSERT INTO alerts (id, account, threshold, alert) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING'),
    putDelivery: db.prepare("INSERT INTO deliveries VALUES (?, ?, 'pending', 0, ?, '') ON CONFLICT DO NOTHING"),
    attempt: db.prepare(
      'UPDATE deliveries SET state = ?, attempts = attempts + 1, next_at = ?, last_error = ? WHERE alert = ? AND channel = ?',
    ),
    lastHash: db.prepare('SELECT hash FROM closes ORDER BY number DESC LIMIT 1'),
    putClose: db.prepare(
      'INSERT INTO closes (account, budget, close, used, calls, closed_at, hash) VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING',
    ),
    putBudget: db.prepare('INSERT INTO budgets VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET budget = excluded.budget'),
    putKey: db.prepare('INSERT INTO keys VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET key = excluded.key'),
    putAudit: db.prepare('INSERT INTO audit (id, entry) VALUES (?, ?) ON CONFLICT DO NOTHING'),
    rollups: prepareRollups(db),
  } satisfies Record<string, StatementSync | RollupStatements>
}

type Statements = ReturnType<typeof prepareStatements>

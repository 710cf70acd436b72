import { hash } from 'node:crypto'
import type { DatabaseSync } from 'node:sqlite'
import { z } from 'zod'
import { parseAccountKey, toBudgetId } from '../../domain/ids.ts'
import type { AccountSums, AuditEntry } from '../../domain/record.ts'
import type {
  AlertStatus,
  ChainedClose,
  DeliveryStatus,
  DueDelivery,
  LedgerDifference,
  OpenAccount,
  OpenState,
} from '../../engine/ports.ts'
import { queryUsage } from './usage-query.ts'

/** A row as `node:sqlite` gives it. */
type Row = Readonly<Record<string, unknown>>

const limited = z.object({ limit: z.number() })

/** What may be asked of the ledger; each is one read of one snapshot. */
export const LEDGER_QUERIES = {
  openState,
  usage: queryUsage,
  closes,
  alerts,
  dueDeliveries,
  audit,
  differences,
  sums,
} satisfies Record<string, (db: DatabaseSync, argument: unknown) => unknown>

export type QueryName = keyof typeof LEDGER_QUERIES

function openState(db: DatabaseSync): OpenState {
  return {
    budgets: jsonColumn(db, 'SELECT budget AS json FROM budgets ORDER BY id'),
    accounts: db.prepare('SELECT * FROM accounts WHERE closed_at IS NULL ORDER BY id').all().map(toOpenAccount),
    holds: jsonColumn(db, 'SELECT hold AS json FROM holds ORDER BY id'),
    keys: jsonColumn(db, 'SELECT key AS json FROM keys ORDER BY id'),
  }
}

const unit = z.enum(['tokens', 'usd', 'requests'])
const periodKind = z.enum(['hour', 'day', 'week', 'month', 'quarter', 'year', 'total'])

function toOpenAccount(row: Row): OpenAccount {
  return {
    account: parseAccountKey(String(row['key'])),
    budget: toBudgetId(String(row['budget'])),
    each: row['each_value'] === null ? null : String(row['each_value']),
    unit: unit.parse(row['unit']),
    period: {
      kind: periodKind.parse(row['period_kind']),
      name: String(row['period_name']),
      startsAt: Number(row['starts_at']),
      endsAt: Number(row['ends_at']),
    },
    granted: Number(row['granted']),
    used: Number(row['used']),
    overrun: Number(row['overrun']),
    alertedAt: Number(row['alerted_at']),
  }
}

function closes(db: DatabaseSync, argument: unknown): readonly ChainedClose[] {
  const { budget, limit } = limited.extend({ budget: z.string().optional() }).parse(argument)
  const rows =
    budget === undefined
      ? db.prepare('SELECT * FROM closes ORDER BY number DESC LIMIT ?').all(limit)
      : db.prepare('SELECT * FROM closes WHERE budget = ? ORDER BY number DESC LIMIT ?').all(budget, limit)
  return rows.map((row) => ({ ...JSON.parse(String(row['close'])), calls: Number(row['calls']), hash: String(row['hash']) }))
}

function alerts(db: DatabaseSync, argument: unknown): readonly AlertStatus[] {
  const { limit } = limited.parse(argument)
  const deliveries = db.prepare('SELECT * FROM deliveries WHERE alert = ? ORDER BY channel')
  return db
    .prepare('SELECT id, alert FROM alerts ORDER BY number DESC LIMIT ?')
    .all(limit)
    .map((row) => ({ alert: JSON.parse(String(row['alert'])), deliveries: deliveries.all(String(row['id'])).map(toDelivery) }))
}

const deliveryState = z.enum(['pending', 'delivered', 'dead'])

function toDelivery(row: Row): DeliveryStatus {
  return {
    channel: String(row['channel']),
    state: deliveryState.parse(row['state']),
    attempts: Number(row['attempts']),
    nextAt: Number(row['next_at']),
    lastError: String(row['last_error']),
  }
}

function dueDeliveries(db: DatabaseSync, argument: unknown): readonly DueDelivery[] {
  const { at, limit } = limited.extend({ at: z.number() }).parse(argument)
  const due = `SELECT d.channel, d.attempts, a.alert FROM deliveries d JOIN alerts a ON a.id = d.alert
    WHERE d.state = 'pending' AND d.next_at <= ? ORDER BY d.next_at, a.number LIMIT ?`
  return db
    .prepare(due)
    .all(at, limit)
    .map((row) => ({ alert: JSON.parse(String(row['alert'])), channel: String(row['channel']), attempts: Number(row['attempts']) }))
}

function audit(db: DatabaseSync, argument: unknown): readonly AuditEntry[] {
  const { limit } = limited.parse(argument)
  return db
    .prepare('SELECT entry FROM audit ORDER BY number DESC LIMIT ?')
    .all(limit)
    .map((row) => JSON.parse(String(row['entry'])))
}

const CHARGED = `SELECT json_extract(charge.value, '$[0]') AS account, SUM(json_extract(charge.value, '$[1]')) AS amount
  FROM calls, json_each(calls.charges) AS charge GROUP BY 1`

function sums(db: DatabaseSync): readonly AccountSums[] {
  return db
    .prepare(`SELECT a.key, a.overrun, COALESCE(c.amount, 0) AS amount FROM accounts a LEFT JOIN (${CHARGED}) c ON c.account = a.id`)
    .all()
    .map((row) => ({ account: parseAccountKey(String(row['key'])), used: Number(row['amount']), overrun: Number(row['overrun']) }))
}

function differences(db: DatabaseSync): readonly LedgerDifference[] {
  const summed = `SELECT a.key, a.used, COALESCE(c.amount, 0) AS amount, k.used AS closed
    FROM accounts a LEFT JOIN (${CHARGED}) c ON c.account = a.id LEFT JOIN closes k ON k.account = a.key`
  const found: LedgerDifference[] = []
  for (const row of db.prepare(summed).all()) {
    const account = parseAccountKey(String(row['key']))
    const calls = Number(row['amount'])
    if (Number(row['used']) !== calls) found.push({ account, what: 'account', calls, other: Number(row['used']) })
    if (row['closed'] !== null && Number(row['closed']) !== calls)
      found.push({ account, what: 'close', calls, other: Number(row['closed']) })
  }
  return [...found, ...rollupDifferences(db), ...chainDifferences(db)]
}

function rollupDifferences(db: DatabaseSync): readonly LedgerDifference[] {
  const total = 'SUM(input + output) AS total FROM'
  const calls = Number(db.prepare(`SELECT ${total} calls`).get()?.['total'] ?? 0)
  const others = {
    'every hour': db.prepare(`SELECT ${total} rollup_hour WHERE attribute = ''`).get(),
    'every hour by model': db.prepare(`SELECT ${total} rollup_hour WHERE attribute = 'model'`).get(),
    'every day': db.prepare(`SELECT ${total} rollup_day`).get(),
  }
  return Object.entries(others).flatMap(([name, row]) => {
    const other = Number(row?.['total'] ?? 0)
    return other === calls ? [] : [{ account: parseAccountKey(`rollup of ${name}\n\n0`), what: 'rollup' as const, calls, other }]
  })
}

/** Every close's hash again, from the first; a close that was changed breaks the chain from there on. */
function chainDifferences(db: DatabaseSync): readonly LedgerDifference[] {
  const found: LedgerDifference[] = []
  let before = ''
  for (const row of db.prepare('SELECT account, close, calls, used, hash FROM closes ORDER BY number').iterate()) {
    const expected = hash('sha256', `${before}\n${Number(row['calls'])}\n${String(row['close'])}`, 'hex')
    const isIntact = expected === row['hash'] && JSON.parse(String(row['close'])).used === Number(row['used'])
    if (!isIntact) found.push({ account: parseAccountKey(String(row['account'])), what: 'close', calls: 0, other: Number(row['used']) })
    before = String(row['hash'])
  }
  return found
}

function jsonColumn<T>(db: DatabaseSync, sql: string): readonly T[] {
  return db
    .prepare(sql)
    .all()
    .map((row) => JSON.parse(String(row['json'])))
}

import type { Alert } from '../../domain/alert.ts'
import type { Budget } from '../../domain/budget.ts'
import type { OpenHold } from '../../domain/call.ts'
import { assert } from '../../domain/defect.ts'
import { type AccountKey, toAccountKey, toBudgetId } from '../../domain/ids.ts'
import { PERIOD_KINDS, type Period } from '../../domain/period.ts'
import type { AccountSums, AuditEntry, KeyRow } from '../../domain/record.ts'
import type { AlertStatus, ChainedClose, DeliveryStatus, DueDelivery, OpenAccount, OpenState } from '../../engine/ports.ts'
import type { CloseContent } from './close-chain.ts'
import type { Database } from './database.ts'
import { fromJson, hasFields, integer, real, type Row, text } from './row.ts'

const isBudget = hasFields<Budget>('id', 'unit', 'limit', 'period')
const isHold = hasFields<OpenHold>('call', 'charges', 'expiresAt')
const isKey = hasFields<KeyRow>('id', 'hash', 'attributes')
const isAlert = hasFields<Alert>('id', 'account', 'threshold', 'channels')
/** True for what a row of closes holds. */
export const isCloseContent = hasFields<CloseContent>('account', 'used', 'period', 'calls')

/** What is open: the budgets and keys, the accounts without a close, the calls in flight, each oldest first. */
export function openState(db: Database): OpenState {
  return {
    budgets: db.all('SELECT record FROM budgets ORDER BY position').map((row) => fromJson(text(row, 'record'), isBudget)),
    accounts: db.all('SELECT * FROM accounts WHERE closed_at IS NULL ORDER BY id').map(toOpenAccount),
    holds: db.all('SELECT record, expires_at FROM holds ORDER BY position').map((row) => ({
      ...fromJson(text(row, 'record'), isHold),
      expiresAt: integer(row, 'expires_at'),
    })),
    keys: db.all('SELECT record FROM keys ORDER BY position').map((row) => fromJson(text(row, 'record'), isKey)),
  }
}

/** Newest first. */
export function closes(db: Database, query: { readonly budget?: string; readonly limit: number }): readonly ChainedClose[] {
  const where = query.budget === undefined ? '' : 'WHERE budget = ? '
  const values = query.budget === undefined ? [query.limit] : [query.budget, query.limit]
  return db.all(`SELECT content, hash FROM closes ${where}ORDER BY position DESC LIMIT ?`, ...values).map((row) => ({
    ...fromJson(text(row, 'content'), isCloseContent),
    hash: text(row, 'hash'),
  }))
}

/** Newest first. */
export function alerts(db: Database, limit: number): readonly AlertStatus[] {
  return db.all('SELECT id, record FROM alerts ORDER BY position DESC LIMIT ?', limit).map((row) => ({
    alert: fromJson(text(row, 'record'), isAlert),
    deliveries: db.all('SELECT * FROM deliveries WHERE alert = ? ORDER BY channel', text(row, 'id')).map(toDelivery),
  }))
}

/** Oldest first. */
export function dueDeliveries(db: Database, at: number, limit: number): readonly DueDelivery[] {
  const sql = `SELECT record, channel, attempts FROM deliveries JOIN alerts ON alerts.id = deliveries.alert
    WHERE state = 'pending' AND next_at <= ? ORDER BY next_at, alerts.position, channel LIMIT ?`
  return db.all(sql, at, limit).map((row) => ({
    alert: fromJson(text(row, 'record'), isAlert),
    channel: text(row, 'channel'),
    attempts: integer(row, 'attempts'),
  }))
}

/** Newest first. */
export function audit(db: Database, limit: number): readonly AuditEntry[] {
  return db.all('SELECT * FROM audit ORDER BY position DESC LIMIT ?', limit).map((row) => ({
    id: text(row, 'id'),
    at: integer(row, 'at'),
    actor: text(row, 'actor'),
    action: text(row, 'action'),
    target: text(row, 'target'),
    reason: text(row, 'reason'),
    before: text(row, 'before'),
    after: text(row, 'after'),
  }))
}

/** What every call charged to every account, added up from the calls; beyond is what went over the holds. */
const CHARGED = `SELECT json_extract(charge.value, '$[0]') AS id, sum(json_extract(charge.value, '$[1]')) AS used,
  sum(json_extract(charge.value, '$[2]')) AS overrun FROM calls, json_each(calls.charges) AS charge GROUP BY 1`

/** All accounts that were ever opened, each with what the calls say it has, and what its own row says. */
export function accountSums(db: Database): readonly (AccountSums & { readonly row: Omit<AccountSums, 'account'> })[] {
  const sql = `SELECT accounts.budget, accounts.each_value, accounts.starts_at, accounts.used AS row_used, accounts.overrun AS row_overrun,
    coalesce(charged.used, 0) AS used, coalesce(charged.overrun, 0) AS overrun
    FROM accounts LEFT JOIN (${CHARGED}) AS charged ON charged.id = accounts.id ORDER BY accounts.id`
  return db.all(sql).map((row) => ({
    account: toKey(row),
    used: integer(row, 'used'),
    overrun: integer(row, 'overrun'),
    row: { used: integer(row, 'row_used'), overrun: integer(row, 'row_overrun') },
  }))
}

function toOpenAccount(row: Row): OpenAccount {
  return {
    account: toKey(row),
    budget: toBudgetId(text(row, 'budget')),
    each: toEach(row),
    unit: toUnit(text(row, 'unit')),
    period: toPeriod(row),
    granted: integer(row, 'granted'),
    used: integer(row, 'used'),
    overrun: integer(row, 'overrun'),
    alertedAt: real(row, 'alerted_at'),
  }
}

/** Made again from its parts, as the counters make it. */
function toKey(row: Row): AccountKey {
  return toAccountKey(toBudgetId(text(row, 'budget')), toEach(row), integer(row, 'starts_at'))
}

function toEach(row: Row): string | null {
  const each = row['each_value']
  return typeof each === 'string' ? each : null
}

function toPeriod(row: Row): Period {
  const kind = PERIOD_KINDS.find((known) => known === row['period_kind'])
  assert(kind !== undefined, 'a stored period is of a known kind')
  return { kind, startsAt: integer(row, 'starts_at'), endsAt: integer(row, 'ends_at'), name: text(row, 'period_name') }
}

function toUnit(unit: string): OpenAccount['unit'] {
  assert(unit === 'tokens' || unit === 'usd' || unit === 'requests', 'a stored unit is known')
  return unit
}

function toDelivery(row: Row): DeliveryStatus {
  const state = text(row, 'state')
  assert(state === 'pending' || state === 'delivered' || state === 'dead', 'a stored delivery is in a known state')
  return {
    channel: text(row, 'channel'),
    state,
    attempts: integer(row, 'attempts'),
    nextAt: integer(row, 'next_at'),
    lastError: text(row, 'last_error'),
  }
}

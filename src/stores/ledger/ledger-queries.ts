import type { Alert } from '../../domain/accounts/alert.ts'
import type { Budget } from '../../domain/budgets/budget.ts'
import { assert } from '../../domain/defect.ts'
import { type AccountKey, toAccountKey, toBudgetId } from '../../domain/ids.ts'
import { PERIOD_KINDS, type Period } from '../../domain/budgets/period.ts'
import type { AccountSums, AuditEntry, KeyRow } from '../../domain/record.ts'
import type { AlertStatus, ChainedClose, DeliveryStatus, DueDelivery, OpenAccount, OpenState } from '../../engine/ports.ts'
import type { CloseContent } from './close-chain.ts'
import { cappedInSql } from './measures.ts'
import { toHold } from './open-calls.ts'
import { fromJson, hasFields, integer, real, type Row, text } from './row.ts'
import { query, type Steps } from './statement.ts'

const isBudget = hasFields<Budget>('id', 'unit', 'limit', 'period')
const isKey = hasFields<KeyRow>('id', 'hash', 'attributes')
const isAlert = hasFields<Alert>('id', 'account', 'threshold', 'channels')
/** True for what a row of closes holds. */
export const isCloseContent = hasFields<CloseContent>('account', 'used', 'period', 'calls')

/** A hold may have been read again after its call had ended, from a stream whose end was lost. */
const OPEN_HOLDS = `SELECT record, expires_at FROM holds
  WHERE NOT EXISTS (SELECT 1 FROM ended_calls WHERE ended_calls.id = holds.call) ORDER BY position`

/** What is open: the budgets and keys, the accounts without a close, the calls in flight, each oldest first. */
export function* openState(): Steps<OpenState> {
  const budgets = yield* query('SELECT record FROM budgets ORDER BY position')
  const accounts = yield* query('SELECT * FROM accounts WHERE closed_at IS NULL ORDER BY id')
  const holds = yield* query(OPEN_HOLDS)
  const keys = yield* query('SELECT record FROM keys ORDER BY position')
  return {
    budgets: budgets.map((row) => fromJson(text(row, 'record'), isBudget)),
    accounts: accounts.map(toOpenAccount),
    holds: holds.map(toHold),
    keys: keys.map((row) => fromJson(text(row, 'record'), isKey)),
  }
}

/** Newest first. */
export function* closes({ budget, limit }: { readonly budget?: string; readonly limit: number }): Steps<readonly ChainedClose[]> {
  const where = budget === undefined ? '' : 'WHERE budget = ? '
  const values = budget === undefined ? [limit] : [budget, limit]
  const rows = yield* query(`SELECT content, hash FROM closes ${where}ORDER BY position DESC LIMIT ?`, ...values)
  return rows.map((row) => ({ ...fromJson(text(row, 'content'), isCloseContent), hash: text(row, 'hash') }))
}

const LAST_ALERTS = 'SELECT * FROM alerts ORDER BY position DESC LIMIT ?'

/** Newest first. */
export function* alerts(limit: number): Steps<readonly AlertStatus[]> {
  const rows = yield* query(LAST_ALERTS, limit)
  const deliveries = Map.groupBy(
    yield* query(
      `SELECT deliveries.* FROM deliveries JOIN (${LAST_ALERTS}) AS latest ON latest.id = deliveries.alert ORDER BY channel`,
      limit,
    ),
    (row) => text(row, 'alert'),
  )
  return rows.map((row) => ({
    alert: fromJson(text(row, 'record'), isAlert),
    deliveries: (deliveries.get(text(row, 'id')) ?? []).map(toDelivery),
  }))
}

const DUE = `SELECT record, channel, attempts FROM deliveries JOIN alerts ON alerts.id = deliveries.alert
  WHERE state = 'pending' AND next_at <= ? ORDER BY next_at, alerts.position, channel LIMIT ?`

/** Oldest first. */
export function* dueDeliveries(at: number, limit: number): Steps<readonly DueDelivery[]> {
  return (yield* query(DUE, at, limit)).map((row) => ({
    alert: fromJson(text(row, 'record'), isAlert),
    channel: text(row, 'channel'),
    attempts: integer(row, 'attempts'),
  }))
}

/** Newest first. */
export function* audit(limit: number): Steps<readonly AuditEntry[]> {
  return (yield* query('SELECT * FROM audit ORDER BY position DESC LIMIT ?', limit)).map((row) => ({
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

/** What an account has by the calls, those that were dropped included, next to what its own row says. */
const ACCOUNT_SUMS = `SELECT accounts.budget, accounts.each_value, accounts.starts_at, accounts.used AS row_used, accounts.overrun AS row_overrun,
  ${cappedInSql('coalesce(by_calls.used, 0) + accounts.dropped_used')} AS used,
  ${cappedInSql('coalesce(by_calls.overrun, 0) + accounts.dropped_overrun')} AS overrun
  FROM accounts LEFT JOIN (SELECT account, sum(used) AS used, sum(overrun) AS overrun FROM charged GROUP BY account) AS by_calls
  ON by_calls.account = accounts.id ORDER BY accounts.id`

/** All accounts that were ever opened, each with what the calls say it has, and what its own row says. */
export function* accountSums(): Steps<readonly (AccountSums & { readonly row: Omit<AccountSums, 'account'> })[]> {
  return (yield* query(ACCOUNT_SUMS)).map((row) => ({
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

import type { Alert } from '../../domain/accounts/alert.ts'
import type { Budget } from '../../domain/budgets/budget.ts'
import type { Call, Hold, Settlement } from '../../domain/call.ts'
import type { Close } from '../../domain/accounts/close.ts'
import { type AccountKey, toAccountKey, toBudgetId, toCallId } from '../../domain/ids.ts'
import type { EpochMs } from '../../domain/instant.ts'
import { type Period, periodAt } from '../../domain/budgets/period.ts'
import type { AuditEntry, DeliveryAttempt, KeyRow, LedgerRecord } from '../../domain/record.ts'
import type { Attributes } from '../../domain/budgets/scope.ts'
import type { Usage } from '../../domain/usage/usage.ts'

/** 2026-10-24T22:30:00Z: half an hour into Sunday in Berlin, the night on which its clocks go back. */
export const AT: EpochMs = Date.UTC(2026, 9, 24, 22, 30)

export const OCTOBER: Period = periodAt({ kind: 'month', timezone: 'UTC' }, AT)

/** The account of a budget that has one a month. */
export function accountOf(budget: string, each: string | null = null): AccountKey {
  return toAccountKey(toBudgetId(budget), each, OCTOBER.startsAt)
}

export function budget(id: string, limit = 1000): Budget {
  return {
    id: toBudgetId(id),
    name: `The budget ${id}`,
    scope: {},
    unit: 'tokens',
    limit,
    period: { kind: 'month', timezone: 'UTC' },
    alertAt: [0.8],
    isHardCap: true,
    nearLimit: 'clamp',
    waitMs: 0,
    managedBy: 'file',
  }
}

export function revised(id: string, limit?: number): LedgerRecord {
  return { kind: 'revised', budget: budget(id, limit), at: AT }
}

export function opened(id: string, each: string | null = null): LedgerRecord {
  return { kind: 'opened', account: accountOf(id, each), budget: toBudgetId(id), each, unit: 'tokens', period: OCTOBER }
}

const USAGE: Usage = { kind: 'reported', counts: { input: { total: 7, cached: 2 }, output: { total: 3 } } }

function call(id: string, { attributes = {}, isUnpriced = false, admittedAt = AT }: HoldWish): Call {
  return {
    id: toCallId(id),
    admittedAt,
    attributes: { provider: 'openai', model: 'gpt-5', tags: {}, ...attributes },
    endpoint: 'openai.chat',
    ...(isUnpriced ? {} : { price: { inputPico: 1_250_000, cachedInputPico: 125_000, cacheWritePico: 1_250_000, outputPico: 10_000_000 } }),
  }
}

interface HoldWish {
  /** 10 unless told. */
  readonly amount?: number
  readonly attributes?: Partial<Attributes>
  readonly admittedAt?: EpochMs
  /** True: its model has no price. */
  readonly isUnpriced?: boolean
}

/** A hold of 10 in each of these budgets' accounts. */
export function held(
  id: string,
  budgets: readonly string[] = [],
  wish: HoldWish = {},
): {
  readonly kind: 'held'
  readonly hold: Hold
} {
  const charges = budgets.map((name) => ({ account: accountOf(name), amount: wish.amount ?? 10 }))
  return {
    kind: 'held',
    hold: { call: call(id, wish), charges, input: 8, output: 2, costNanoUsd: 5, expiresAt: AT + 900_000, isSpared: false },
  }
}

export interface EndWish {
  /** What each account of the hold is charged. */
  readonly amounts?: readonly number[]
  readonly endedAt?: EpochMs
  readonly usage?: Usage
  readonly costNanoUsd?: number
  readonly alerts?: readonly Alert[]
}

/** The end of a call that is held. */
export function ended(id: string, wish: EndWish = {}): Extract<LedgerRecord, { kind: 'ended' }> {
  const settlement: Settlement = {
    call: toCallId(id),
    endedAt: wish.endedAt ?? AT,
    ending: 'done',
    status: 200,
    usage: wish.usage ?? USAGE,
    costNanoUsd: wish.costNanoUsd ?? 40,
    amounts: wish.amounts ?? [],
    overrun: 0,
  }
  return { kind: 'ended', settlement, alerts: wish.alerts ?? [] }
}

export interface CallWish extends Omit<EndWish, 'amounts'>, Omit<HoldWish, 'amount'> {
  /** What is charged to the accounts: amount by budget id. */
  readonly charges?: Readonly<Record<string, number>>
}

/** A whole call: its hold, which covers what it is charged, and its end. */
export function called(id: string, { charges = {}, ...wish }: CallWish = {}): readonly [LedgerRecord, LedgerRecord] {
  const amounts = Object.values(charges)
  const hold = held(id, Object.keys(charges), { ...wish, amount: Math.max(10, ...amounts) })
  return [hold, ended(id, { ...wish, amounts })]
}

export function alert(id: string, threshold: number, channels: readonly string[] = ['slack']): Alert {
  return {
    id: `alert-${id}-${threshold}`,
    at: AT,
    account: accountOf(id),
    budget: toBudgetId(id),
    name: `The budget ${id}`,
    each: null,
    unit: 'tokens',
    threshold,
    used: 800,
    limit: 1000,
    isHardCap: true,
    period: OCTOBER,
    channels,
  }
}

export function delivery(
  of: Alert,
  outcome: DeliveryAttempt['outcome'],
  wish: { readonly channel?: string; readonly nextAt?: EpochMs } = {},
): LedgerRecord {
  const error = outcome === 'delivered' ? '' : 'it answered 500'
  return { kind: 'delivery', attempt: { alert: of.id, channel: wish.channel ?? 'slack', at: AT, outcome, error, nextAt: wish.nextAt ?? 0 } }
}

export function closed(id: string, used: number, overrun = 0): { readonly kind: 'closed'; readonly close: Close } {
  const close: Close = {
    account: accountOf(id),
    budget: toBudgetId(id),
    name: `The budget ${id}`,
    each: null,
    unit: 'tokens',
    period: OCTOBER,
    limit: 1000,
    granted: 0,
    used,
    overrun,
    closedAt: OCTOBER.endsAt,
  }
  return { kind: 'closed', close }
}

export function key(id: string, hint: string): { readonly kind: 'key'; readonly key: KeyRow } {
  const row: KeyRow = {
    id,
    name: `key ${id}`,
    hash: 'ab'.repeat(32),
    hint,
    attributes: { team: 'a' },
    allow: ['user'],
    models: ['*'],
    createdAt: AT,
  }
  return { kind: 'key', key: row }
}

export function audited(id: string): { readonly kind: 'audit'; readonly entry: AuditEntry } {
  return {
    kind: 'audit',
    entry: { id, at: AT, actor: 'ann', action: 'budget.update', target: 'global', reason: 'more', before: '1', after: '2' },
  }
}

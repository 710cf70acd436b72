import { plus } from '../../src/domain/amount.ts'
import type { Budget } from '../../src/domain/budgets/budget.ts'
import type { OpenHold } from '../../src/domain/call.ts'
import type { KeyRow, LedgerRecord } from '../../src/domain/record.ts'
import { Failure } from '../../src/engine/failure.ts'
import type { Journal, OpenAccount, OpenState } from '../../src/engine/ports.ts'

/** A journal in memory that loses what was not acknowledged when it crashes, and that can be out of order for a while. */
export interface NaiveLedger extends Journal {
  readonly records: readonly LedgerRecord[]
  /** The process died: what is not durable yet is gone. */
  readonly crash: () => void
  readonly breakDown: (reason: string | undefined) => void
  readonly openState: () => OpenState
}

export function createNaiveLedger(): NaiveLedger {
  const durable: LedgerRecord[] = []
  let pending: LedgerRecord[] = []
  let reason: string | undefined
  const flush = () => {
    if (reason !== undefined) return
    durable.push(...pending)
    pending = []
  }
  return {
    records: durable,
    trouble: () => reason,
    append: async (records) => {
      pending.push(...records)
      await Promise.resolve()
      flush()
    },
    appendOrFail: async (record) => {
      await Promise.resolve()
      if (reason !== undefined) throw new Failure('store_unavailable', reason)
      pending.push(record)
      flush()
    },
    crash: () => {
      pending = []
    },
    breakDown: (why) => {
      reason = why
      flush()
    },
    openState: () => fold(durable),
  }
}

/** What is open after these records, by the plainest reading of them. */
function fold(records: readonly LedgerRecord[]): OpenState {
  const budgets = new Map<string, Budget>()
  const accounts = new Map<string, OpenAccount>()
  const holds = new Map<string, OpenHold>()
  const keys = new Map<string, KeyRow>()
  const change = (key: string, edit: (account: OpenAccount) => OpenAccount) => {
    const account = accounts.get(key)
    if (account !== undefined) accounts.set(key, edit(account))
  }
  const apply = (record: LedgerRecord): void => {
    switch (record.kind) {
      case 'opened': {
        const { kind: _, ...account } = record
        if (!accounts.has(record.account)) accounts.set(record.account, { ...account, granted: 0, used: 0, overrun: 0, alertedAt: 0 })
        return
      }
      case 'held':
        holds.set(record.hold.call.id, record.hold)
        return
      case 'renewed': {
        const hold = holds.get(record.call)
        if (hold !== undefined) holds.set(record.call, { ...hold, expiresAt: record.expiresAt })
        return
      }
      case 'raised': {
        const { output, costNanoUsd, amounts } = record
        const hold = holds.get(record.call)
        const charges = hold?.charges.map(({ account }, i) => ({ account, amount: amounts[i] ?? 0 })) ?? []
        if (hold !== undefined) holds.set(record.call, { ...hold, output, costNanoUsd, charges })
        return
      }
      case 'deferred': {
        const { job, expiresAt } = record
        const hold = holds.get(record.call)
        if (hold !== undefined) holds.set(record.call, { ...hold, job, expiresAt })
        return
      }
      case 'ended': {
        const { call, amounts } = record.settlement
        const hold = holds.get(call)
        if (hold === undefined) return
        holds.delete(call)
        for (const [i, { account, amount: held }] of hold.charges.entries()) {
          const amount = amounts[i] ?? 0
          const beyond = Math.max(0, amount - held)
          change(account, (state) => ({ ...state, used: plus(state.used, amount), overrun: plus(state.overrun, beyond) }))
        }
        for (const alert of record.alerts)
          change(alert.account, (state) => ({ ...state, alertedAt: Math.max(state.alertedAt, alert.threshold) }))
        return
      }
      case 'alerted':
        change(record.alert.account, (state) => ({ ...state, alertedAt: Math.max(state.alertedAt, record.alert.threshold) }))
        return
      case 'cut':
        change(record.account, (state) => ({ ...state, period: { ...state.period, endsAt: record.endsAt } }))
        return
      case 'closed':
        accounts.delete(record.close.account)
        return
      case 'revised':
        budgets.set(record.budget.id, record.budget)
        return
      case 'key':
        keys.set(record.key.id, record.key)
        return
      case 'objects':
      case 'distrust':
      case 'delivery':
      case 'audit':
    }
  }
  for (const record of records) apply(record)
  return { budgets: [...budgets.values()], accounts: [...accounts.values()], holds: [...holds.values()], keys: [...keys.values()] }
}

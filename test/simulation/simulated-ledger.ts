import type { Alert } from '../../src/domain/accounts/alert.ts'
import type { Budget } from '../../src/domain/budgets/budget.ts'
import type { OpenHold, Settlement } from '../../src/domain/call.ts'
import type { Close } from '../../src/domain/accounts/close.ts'
import type { CallId } from '../../src/domain/ids.ts'
import type { KeyRow, LedgerRecord } from '../../src/domain/record.ts'
import { Failure } from '../../src/engine/failure.ts'
import type { Ledger, OpenAccount, OpenState } from '../../src/engine/ports.ts'
import type { StreamApplier, StreamBatch, StreamPosition } from '../../src/stores/stream-applier.ts'
import type { Random } from './random.ts'
import type { VirtualTime } from './virtual-clock.ts'

/** A call as the ledger has it at the end. */
export interface LedgerCall {
  readonly hold: OpenHold
  readonly settlement: Settlement
}

interface LedgerAccount extends OpenAccount {
  readonly closedBy?: Close
}

/** How a database fails. */
export interface DatabaseFaults {
  /** The usual time of a transaction. */
  readonly delayMs: number
  /** How often a transaction that was committed is told as failed: its connection broke. */
  readonly loseReply: number
}

/**
 * The database that all processes share: the plainest reading of the records, which is applied or not in one instant, and once.
 * Whoever asked may be dead by then.
 */
export class SimulatedLedger {
  readonly #time: VirtualTime
  readonly #random: Random
  readonly budgets = new Map<string, Budget>()
  readonly accounts = new Map<string, LedgerAccount>()
  readonly holds = new Map<CallId, OpenHold>()
  readonly calls = new Map<CallId, LedgerCall>()
  readonly alerts = new Map<string, Alert>()
  readonly keys = new Map<string, KeyRow>()
  /** What should never be: charges in closed accounts, closes that do not add up. */
  readonly defects: string[] = []
  #position: StreamPosition = { epoch: '', id: '0-0' }
  faults: DatabaseFaults = { delayMs: 1, loseReply: 0 }
  /** Why nothing can be written; undefined: it can. */
  trouble: string | undefined

  constructor(time: VirtualTime, random: Random) {
    this.#time = time
    this.#random = random
  }

  /** What a process sees of it, as long as it lives. */
  connect(isAlive: () => boolean): { readonly applier: StreamApplier; readonly ledger: Ledger } {
    const ask = <T>(answer: () => T) => this.#transaction(isAlive, answer)
    const applier: StreamApplier = {
      position: () => ask(() => this.#position),
      apply: (batch) => this.#transaction(isAlive, () => this.#apply(batch), true),
      known: (calls) => ask(() => this.#known(calls)),
    }
    const none = () => ask(() => [])
    const ledger: Ledger = {
      openState: () => ask(() => this.openState()),
      sums: () => ask(() => [...this.accounts.values()].map(({ account, used, overrun }) => ({ account, used, overrun }))),
      usage: none,
      closes: none,
      alerts: none,
      dueDeliveries: none,
      audit: none,
      objects: none,
      ownsObjects: () => ask(() => false),
      distrusts: none,
      differences: none,
      bounds: none,
      unpriced: none,
      setAside: () => ask(() => ({ count: 0, records: [] })),
      call: () => ask(() => undefined),
      priceLines: none,
      olderCalls: () => ask(() => ({ counted: 0, left: 0 })),
    }
    return { applier, ledger }
  }

  openState(): OpenState {
    return {
      budgets: [...this.budgets.values()],
      accounts: [...this.accounts.values()].filter(({ closedBy }) => closedBy === undefined),
      holds: [...this.holds.values()],
      keys: [...this.keys.values()],
    }
  }

  /** Takes records in, at once. */
  take(records: readonly LedgerRecord[]): void {
    for (const record of records) this.#takeOne(record)
  }

  #transaction<T>(isAlive: () => boolean, run: () => T, isWrite = false): Promise<T> {
    const { delayMs, loseReply } = this.faults
    return new Promise((resolve, reject) => {
      this.#time.schedule(delayMs * this.#random.next(), () => {
        if (isWrite && this.trouble !== undefined) {
          this.#later(isAlive, () => reject(new Failure('store_unavailable', `the ledger: ${this.trouble ?? ''}`)))
          return
        }
        const result = run()
        const isLost = this.#random.chance(loseReply)
        this.#later(isAlive, () => (isLost ? reject(new Failure('store_unavailable', 'the ledger: connection lost')) : resolve(result)))
      })
    })
  }

  #later(isAlive: () => boolean, run: () => void): void {
    this.#time.schedule(this.faults.delayMs * this.#random.next(), () => {
      if (isAlive()) run()
    })
  }

  #apply({ records, from, next }: StreamBatch): number | undefined {
    if (from.epoch !== this.#position.epoch || from.id !== this.#position.id) return undefined
    const before = this.alerts.size
    this.take(records)
    this.#position = next
    return this.alerts.size - before
  }

  #known(calls: readonly CallId[]): ReadonlyMap<CallId, 'held' | 'ended'> {
    const states = calls.map((call) => [call, this.calls.has(call) ? 'ended' : this.holds.has(call) ? 'held' : undefined] as const)
    return new Map(states.filter((entry): entry is readonly [CallId, 'held' | 'ended'] => entry[1] !== undefined))
  }

  #takeOne(record: LedgerRecord): void {
    switch (record.kind) {
      case 'opened': {
        const { kind: _, ...account } = record
        if (!this.accounts.has(record.account))
          this.accounts.set(record.account, { ...account, granted: 0, used: 0, overrun: 0, alertedAt: 0 })
        return
      }
      case 'held':
        this.holds.set(record.hold.call.id, record.hold)
        return
      case 'ended':
        return this.#end(record.settlement, record.alerts)
      case 'alerted':
        return this.#alert(record.alert)
      case 'cut':
        return this.#change(record.account, (account) => ({ ...account, period: { ...account.period, endsAt: record.endsAt } }))
      case 'closed':
        return this.#close(record.close)
      case 'revised':
        this.budgets.set(record.budget.id, record.budget)
        return
      case 'key':
        this.keys.set(record.key.id, record.key)
        return
      case 'renewed':
      case 'deferred':
      case 'raised':
        return this.#changeHold(record)
      case 'objects':
      case 'distrust':
      case 'delivery':
      case 'audit':
    }
  }

  #changeHold(record: Extract<LedgerRecord, { kind: 'renewed' | 'deferred' | 'raised' }>): void {
    const hold = this.holds.get(record.call)
    if (hold === undefined) return
    if (record.kind === 'renewed') this.holds.set(record.call, { ...hold, expiresAt: record.expiresAt })
    if (record.kind === 'deferred') this.holds.set(record.call, { ...hold, job: record.job, expiresAt: record.expiresAt })
    if (record.kind !== 'raised') return
    const { output, costNanoUsd, amounts } = record
    const charges = hold.charges.map(({ account, amount }, i) => ({ account, amount: amounts[i] ?? amount }))
    this.holds.set(record.call, { ...hold, output, costNanoUsd, charges })
  }

  /** A call that was counted before is not counted again. */
  #end(settlement: Settlement, alerts: readonly Alert[]): void {
    const hold = this.holds.get(settlement.call)
    this.holds.delete(settlement.call)
    if (hold === undefined || this.calls.has(settlement.call)) return
    this.calls.set(settlement.call, { hold, settlement })
    for (const [i, { account, amount: held }] of hold.charges.entries()) {
      const amount = settlement.amounts[i] ?? 0
      if (!this.accounts.has(account)) this.defects.push(`${settlement.call} is charged to ${account}, which was never opened`)
      if (this.accounts.get(account)?.closedBy !== undefined)
        this.defects.push(`${settlement.call} is charged to ${account}, which was closed`)
      this.#change(account, ({ used, overrun, ...rest }) => ({
        ...rest,
        used: used + amount,
        overrun: overrun + Math.max(0, amount - held),
      }))
    }
    for (const alert of alerts) this.#alert(alert)
  }

  #alert(alert: Alert): void {
    this.#change(alert.account, (account) => ({ ...account, alertedAt: Math.max(account.alertedAt, alert.threshold) }))
    const id = `${alert.account} ${alert.threshold}`
    if (!this.alerts.has(id)) this.alerts.set(id, alert)
  }

  #close(close: Close): void {
    const account = this.accounts.get(close.account)
    if (account === undefined) this.defects.push(`the close of ${close.account}, which was never opened`)
    if (account === undefined || account.closedBy !== undefined) return
    if (account.used !== close.used || account.overrun !== close.overrun) {
      this.defects.push(`the close of ${close.account} says ${close.used}, its calls ${account.used}`)
    }
    this.accounts.set(close.account, { ...account, closedBy: close })
  }

  #change(key: string, edit: (account: LedgerAccount) => LedgerAccount): void {
    const account = this.accounts.get(key)
    if (account !== undefined) this.accounts.set(key, edit(account))
  }
}

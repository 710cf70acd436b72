import type { Account } from '../domain/accounts/account.ts'
import type { Alert } from '../domain/accounts/alert.ts'
import type { Amount, Unit } from '../domain/amount.ts'
import type { Budget } from '../domain/budgets/budget.ts'
import type { CallBound } from '../domain/usage/bound.ts'
import type { Call, EndedCall, Ending, OpenHold, Settlement } from '../domain/call.ts'
import type { Close } from '../domain/accounts/close.ts'
import type { AccountKey, BudgetId, CallId } from '../domain/ids.ts'
import type { EpochMs } from '../domain/instant.ts'
import type { Period } from '../domain/budgets/period.ts'
import type { Price } from '../domain/usage/price.ts'
import type { LinePart, LineTerms } from '../domain/usage/price-lines.ts'
import type { Usage } from '../domain/usage/usage.ts'
import type { AccountSums, AuditEntry, Distrust, KeptObject, KeyRow, LedgerRecord } from '../domain/record.ts'

/** What the time is and what should happen later. Tests move it. */
export interface Clock {
  readonly now: () => EpochMs
  /** Calls `run` once after that many milliseconds; the returned function cancels it. Does not keep the process alive. */
  readonly after: (delayMs: number, run: () => void) => () => void
}

/** Makes ids that were never made before, by this process or another. */
export interface Ids {
  readonly callId: () => CallId
}

/** What a model's tokens cost. */
export interface Prices {
  /**
   * The price of a model at that instant, or undefined where none is known; an unknown price is never 0.
   * @param model as it is named towards the provider
   */
  readonly priceOf: (provider: string, model: string, at: EpochMs) => Price | undefined
}

/** Which account a call counts in; resolved once per caller and period, and then only looked up. */
export interface AccountRef {
  readonly key: AccountKey
  readonly budget: Budget
  readonly each: string | null
  readonly period: Period
}

export interface ReserveRequest {
  readonly call: Call
  readonly bound: CallBound
  readonly accounts: readonly AccountRef[]
  /** The catalog's, by which the accounts were found. */
  readonly version: number
  readonly expiresAt: EpochMs
  /** True where a refusal is not the last word: then it alerts nobody. */
  readonly isTrial?: boolean
}

/** An account as it stood right after the step that returned it. */
export type Standing = Readonly<Account>

export type ReserveOutcome =
  | {
      readonly kind: 'held'
      readonly outputMax: number
      /** How far the hold may be raised at most, as the room is now. */
      readonly outputRoom: number
      readonly standings: readonly Standing[]
    }
  | { readonly kind: 'refused'; readonly standings: readonly Standing[]; readonly isBlockedByHolds: boolean }
  /** The budgets were changed elsewhere, so other accounts may apply: nothing is held. */
  | { readonly kind: 'outdated' }

/** How a call ended and what it used. */
export interface SettleRequest {
  readonly call: CallId
  readonly endedAt: EpochMs
  readonly ending: Ending
  readonly status?: number | undefined
  /** `held`: what it used is unknown, so the whole hold is charged, as an estimate. */
  readonly usage: Usage | 'held'
}

/**
 * The running sums of the ledger. Each method is one atomic step over all accounts that it touches, is in the journal when
 * its promise resolves, and leaves everything as it was when it throws.
 */
export interface Counters {
  /** True where other processes count in them too: a hold that this process does not know may be another's. */
  readonly isShared: boolean
  /** @throws Failure store_unavailable: then nothing is held */
  readonly reserve: (request: ReserveRequest) => Promise<ReserveOutcome>
  /**
   * Ends a call, once: a repeated or unknown call changes nothing and returns undefined. Never refused where this process let it in.
   * @throws Failure store_unavailable where another did, and it is not known whether it is ended now: to be asked again
   */
  readonly settle: (request: SettleRequest) => Promise<EndedCall | undefined>
  /**
   * Raises a call's hold as far towards that maximum output per choice as all hard caps have room for.
   * @returns the maximum that it covers now; 0 where the call has ended, was deferred, or can't be raised
   */
  readonly raise: (call: CallId, outputMax: number) => Promise<number>
  readonly renew: (call: CallId, expiresAt: EpochMs) => Promise<void>
  /**
   * Leaves a call open though the provider has answered, until it is settled, by any process, or that instant has come. What a store
   * can't be told now it is told later.
   */
  readonly defer: (call: CallId, job: string, expiresAt: EpochMs) => Promise<void>
  /** Calls in flight, oldest first. */
  readonly holds: () => Promise<readonly OpenHold[]>
  /** Calls whose holds have expired at that instant. */
  readonly expired: (at: EpochMs) => Promise<readonly CallId[]>
  /** Accounts that are not closed. */
  readonly standings: () => Promise<readonly Standing[]>
  /** Those of them whose period has ended at that instant. */
  readonly ended: (at: EpochMs) => Promise<readonly Standing[]>
  /** Opens an account that no call has touched yet, so that its period is closed even if none does; not where it was closed. */
  readonly open: (account: AccountRef) => Promise<void>
  /** Ends an account early; calls in flight still settle in it. */
  readonly cut: (account: AccountKey, endsAt: EpochMs) => Promise<void>
  /** Writes the close of an account that has ended and in which no call is in flight. Undefined where another process did. */
  readonly close: (account: AccountKey, closedAt: EpochMs) => Promise<Close | undefined>
  /** Does what is to be done now and then; meant to run every second. @throws Failure store_unavailable */
  readonly tend: () => Promise<void>
}

/** What is in force for all processes, at one version. */
export interface CatalogState {
  readonly version: number
  readonly budgets: readonly Budget[]
  readonly keys: readonly KeyRow[]
}

/**
 * The budgets and keys that all processes share. Every change raises the version, and is durable when it resolves; where it throws
 * Failure store_unavailable nothing has changed, or, where the answer of a store got lost, it is not known whether it has.
 */
export interface Catalog {
  readonly version: () => Promise<number>
  readonly read: () => Promise<CatalogState>
  /**
   * Puts edited budgets in force in their accounts and for every call from now on.
   * @param edit the version that the edit was made from
   * @returns the new version; undefined where another process was first: then nothing has changed
   */
  readonly putBudgets: (budgets: readonly Budget[], edit: { readonly at: EpochMs; readonly version: number }) => Promise<number | undefined>
  readonly putKey: (key: KeyRow) => Promise<void>
}

/** Where records become durable: an append-only file, or a stream of the counter store. */
export interface Journal {
  /**
   * Appends a record that must not outlive a failure.
   * @returns once it is durable (as `durability` says)
   * @throws Failure store_unavailable: then it was not written and never will be
   */
  readonly appendOrFail: (record: LedgerRecord) => Promise<void>
  /**
   * Appends records that must not get lost: they are kept in memory and written as soon as the disk takes them again.
   * @returns once they are durable, or once it is known that they can't be now (then `trouble` says why). Never throws.
   */
  readonly append: (records: readonly LedgerRecord[]) => Promise<void>
  /** What keeps records from becoming durable right now; undefined: nothing. */
  readonly trouble: () => string | undefined
}

/** What a process needs to know of the ledger when it starts. */
export interface OpenState {
  readonly budgets: readonly Budget[]
  readonly accounts: readonly OpenAccount[]
  /** Calls that were in flight when the last process ended. */
  readonly holds: readonly OpenHold[]
  readonly keys: readonly KeyRow[]
}

/** An account that has no close yet. */
export interface OpenAccount extends AccountSums {
  readonly budget: BudgetId
  readonly each: string | null
  readonly unit: Unit
  readonly period: Period
  readonly granted: Amount
  /** The highest share at which an alert has fired; 0: none. */
  readonly alertedAt: number
}

/** A question about usage: sums of calls by the instant of their admission, in half-open `[from, to)`. */
export interface UsageQuery {
  readonly from: EpochMs
  readonly to: EpochMs
  /** Attributes to group by, of `team project user key provider model`; empty: one row for all. */
  readonly groupBy: readonly string[]
  /** Split by calendar hour, day or month of this zone; absent: one row per group. */
  readonly interval?: { readonly kind: 'hour' | 'day' | 'month'; readonly timezone: string }
}

export interface UsageRow {
  /** The values of the attributes asked for, in the order asked for; empty where a call had none. */
  readonly group: readonly string[]
  /** Start of the interval; absent without one. */
  readonly startsAt?: EpochMs
  readonly calls: number
  readonly estimatedCalls: number
  readonly input: number
  readonly cachedInput: number
  readonly cacheWrite: number
  readonly output: number
  readonly reasoning: number
  readonly costNanoUsd: Amount
}

/** A close with its place in the chain: `hash` is the SHA-256 over its content and the hash before it. */
export interface ChainedClose extends Close {
  readonly calls: number
  readonly hash: string
}

/** An alert with the state of its deliveries. */
export interface AlertStatus {
  readonly alert: Alert
  readonly deliveries: readonly DeliveryStatus[]
}

export interface DeliveryStatus {
  readonly channel: string
  readonly state: 'pending' | 'delivered' | 'dead'
  readonly attempts: number
  readonly nextAt: EpochMs
  readonly lastError: string
}

/** A delivery that is due. */
export interface DueDelivery {
  readonly alert: Alert
  readonly channel: string
  /** Tries so far. */
  readonly attempts: number
}

/** A record of the journal that could not be applied to the ledger. */
export interface SetAside {
  /** Its number in the ledger's table `set_aside`. */
  readonly position: number
  readonly at: EpochMs
  readonly kind: string
  readonly reason: string
  /** As JSON; no secret, no prompt. */
  readonly record: string
}

export interface SetAsideRecords {
  /** All of them. */
  readonly count: number
  /** The newest. */
  readonly records: readonly SetAside[]
}

/** The difference between what the ledger's calls add up to and another sum; empty lists everywhere mean none. */
export interface LedgerDifference {
  readonly account: AccountKey
  readonly what: 'account' | 'close' | 'rollup' | 'counter'
  readonly calls: Amount
  readonly other: Amount
}

/** How the calls of a day to a model kept to their bounds, in tokens; only those whose provider reported their use. */
export interface BoundReport {
  /** The UTC day's start. */
  readonly day: EpochMs
  readonly provider: string
  readonly model: string
  readonly calls: number
  /** Calls that used more than was held for them. */
  readonly passed: number
  /** The most that one of them used beyond its hold; 0: none did. */
  readonly worstExcess: number
  /** Calls that there would have been no room for, had they held their model's whole maximum. */
  readonly spared: number
  readonly held: number
  readonly used: number
}

/** What is kept of a call that ended. */
export interface RecordedCall extends Pick<Settlement, 'endedAt' | 'ending' | 'status' | 'usage' | 'costNanoUsd' | 'overrun'> {
  readonly id: CallId
  readonly admittedAt: EpochMs
  readonly endpoint: string
  readonly provider: string
  readonly model: string
  readonly price?: Price
}

/** What the calls of one caller and UTC day have under one price: from these, everything can be priced again. */
export interface PriceLineDay extends LineTerms {
  readonly day: EpochMs
  /** The same for the same attributes, tags, endpoint and price of the call's own model. */
  readonly caller: number
  readonly team: string
  readonly project: string
  readonly user: string
  readonly key: string
  /** Of the model that made it: not the call's own where another had a part in it. */
  readonly provider: string
  readonly model: string
  readonly part: LinePart
  /** Before the tier's share. */
  readonly unitPico: number
  /** What the tier costs of the unit price: `1/2`; '' for all of it. */
  readonly share: string
  readonly quantity: number
  readonly costNanoUsd: Amount
  readonly calls: number
  readonly estimatedCalls: number
}

/** How far the calls that an older version wrote are counted again: by their admission, and in price lines. */
export interface OlderCalls {
  readonly counted: number
  /** Those that reports still count by their end. */
  readonly left: number
}

/** A model whose calls had no price, and no cost that the provider named: they count as 0 in USD. */
export interface UnpricedModel {
  readonly provider: string
  readonly model: string
  readonly calls: number
  readonly tokens: number
}

/**
 * The durable record of every call that ended, read. Every answer includes all records that were appended before the
 * question. Reads never run on the gateway's event loop.
 */
export interface Ledger {
  readonly openState: () => Promise<OpenState>
  readonly usage: (query: UsageQuery) => Promise<readonly UsageRow[]>
  /** Newest first. */
  readonly closes: (query: { readonly budget?: string; readonly limit: number }) => Promise<readonly ChainedClose[]>
  /** Newest first. */
  readonly alerts: (query: { readonly limit: number }) => Promise<readonly AlertStatus[]>
  /** Deliveries whose `nextAt` has come, oldest first. */
  readonly dueDeliveries: (at: EpochMs, limit: number) => Promise<readonly DueDelivery[]>
  /** Newest first. */
  readonly audit: (query: { readonly limit: number }) => Promise<readonly AuditEntry[]>
  /** Those of these objects that are known, by the ids of their records. */
  readonly objects: (ids: readonly string[]) => Promise<readonly KeptObject[]>
  /** True where that key has made one, or, if a team is asked for, that team. */
  readonly ownsObjects: (owner: { readonly key: string; readonly team?: string }) => Promise<boolean>
  /** The latest of each provider and model, those that were lifted too. */
  readonly distrusts: () => Promise<readonly Distrust[]>
  /** Recomputes every account, close and rollup from the calls, and says where they differ. */
  readonly differences: () => Promise<readonly LedgerDifference[]>
  /** How calls that were admitted at `from` or later kept to their bounds; newest day first, then by the tokens used. */
  readonly bounds: (from: EpochMs) => Promise<readonly BoundReport[]>
  /** Models without a price among the calls that used something and were admitted at `from` or later; most tokens first. */
  readonly unpriced: (from: EpochMs) => Promise<readonly UnpricedModel[]>
  /** A call that ended, with all that is kept of it; undefined where there is none, or it was dropped. */
  readonly call: (id: CallId) => Promise<RecordedCall | undefined>
  /**
   * The price lines of the UTC days that begin in half-open `[from, to)`, oldest first. Their costs add up to those of the calls that
   * were admitted on these days, to the nano-USD, once no call of an older version is left to be counted. A day of a large installation
   * has some ten thousand lines: to be asked for by few days at a time.
   */
  readonly priceLines: (days: { readonly from: EpochMs; readonly to: EpochMs }) => Promise<readonly PriceLineDay[]>
  readonly olderCalls: () => Promise<OlderCalls>
  /** Every account's sums over its calls, as the calls say; for comparison with the counters. */
  readonly sums: () => Promise<readonly AccountSums[]>
  /** Records that could not be applied, and were set aside. */
  readonly setAside: (query: { readonly limit: number }) => Promise<SetAsideRecords>
}

/** How long the ledger keeps its calls. */
export interface Retention {
  /**
   * Drops the calls that were admitted on UTC days before that instant's day. What they add up to stays: in their accounts, in closes and
   * in reports, which from there on are exact to the hour, or to the UTC day where several attributes are asked for at once.
   * @returns how many it dropped
   * @throws Failure store_unavailable: then some of them are there still, and every sum is right
   */
  readonly dropCallsBefore: (instant: EpochMs) => Promise<number>
}

/** Brings one alert to one place. */
export interface Channel {
  readonly name: string
  /** @throws ChannelError, or any error for a failure that may pass */
  readonly send: (alert: Alert) => Promise<void>
}

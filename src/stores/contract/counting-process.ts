import type { Alert } from '../../domain/accounts/alert.ts'
import type { Budget } from '../../domain/budgets/budget.ts'
import type { Ending, EndedCall } from '../../domain/call.ts'
import { type CallId, toCallId } from '../../domain/ids.ts'
import type { EpochMs } from '../../domain/instant.ts'
import type { Price } from '../../domain/usage/price.ts'
import type { LedgerRecord } from '../../domain/record.ts'
import type { Usage } from '../../domain/usage/usage.ts'
import { accountRef } from '../../engine/budget-book.ts'
import type { AccountRef, Catalog, Counters, Journal, ReserveOutcome, ReserveRequest, Standing } from '../../engine/ports.ts'
import { AT } from './sample-records.ts'

/** One process's way to a store. */
export interface StoreAccess {
  readonly counters: Counters
  readonly catalog: Catalog
  readonly journal: Journal
}

/** Counters with all that stands behind them; empty when they are opened. */
export interface CountersUnderTest extends StoreAccess {
  /** What a process does every second, where there is such a thing; an alert is told by then. */
  readonly tend?: () => Promise<void>
  /** All records that were appended so far, in their order, waited for or not. */
  readonly records: () => Promise<readonly LedgerRecord[]>
  /** The same store after this process was killed: nothing of its memory is left. */
  readonly reopen: () => Promise<CountersUnderTest>
  /** Another process on the same store; only where others may count in it. */
  readonly second?: () => Promise<StoreAccess>
  /** Lets go of all processes, also of those that were killed, and of what they stored. */
  readonly close: () => Promise<void>
}

/** The channels that counters under test owe alerts to. */
export const CHANNEL_NAMES: readonly string[] = ['email', 'slack']

/** What a call wishes: 10 tokens of input, unless told. */
export interface CallWish {
  readonly input?: number
  readonly outputMax?: number
  /** As `outputMax` unless told: then it is not clamped. */
  readonly outputMin?: number
  readonly outputExpected?: number
  readonly choices?: number
  readonly at?: EpochMs
  readonly expiresAt?: EpochMs
  readonly price?: Price
  readonly isTrial?: boolean
  /** Ids of the budgets that apply, with their `each` value; all of them, by their ids, unless told. */
  readonly accounts?: readonly (readonly [budget: string, each?: string])[]
  /** Instead of `accounts`. */
  readonly refs?: readonly AccountRef[]
}

/** How long a hold stands unless told. */
export const TTL_MS = 900_000

/** Drives the counters as a process does: it knows the budgets of one version of the catalog, and acts by them. */
export class CountingProcess {
  readonly access: StoreAccess
  #version = 0
  #budgets: readonly Budget[] = []

  constructor(access: StoreAccess) {
    this.access = access
  }

  get version(): number {
    return this.#version
  }

  /** By their ids: a catalog has no order. */
  get budgets(): readonly Budget[] {
    return this.#budgets
  }

  /** Takes over what is in force. */
  async refresh(): Promise<void> {
    const { version, budgets } = await this.access.catalog.read()
    this.#version = version
    this.#budgets = budgets.toSorted((a, b) => (a.id < b.id ? -1 : 1))
  }

  /** Puts budgets in force, from what is in force now. */
  async put(...budgets: readonly Budget[]): Promise<void> {
    await this.refresh()
    await this.access.catalog.putBudgets(budgets, { at: AT, version: this.#version })
    await this.refresh()
  }

  /** The account of a budget, as this process knows it. */
  ref(id: string, each: string | null = null, at: EpochMs = AT): AccountRef {
    const budget = this.#budgets.find((other) => other.id === id)
    if (budget === undefined) throw new Error(`the process knows no budget ${id}`)
    return accountRef(budget, each, at)
  }

  reserve(id: string, wish: CallWish = {}): Promise<ReserveOutcome> {
    return this.access.counters.reserve(this.request(id, wish))
  }

  request(id: string, wish: CallWish): ReserveRequest {
    const { at = AT, price, isTrial, outputExpected, outputMax = 0 } = wish
    const accounts = wish.accounts ?? this.#budgets.map((budget) => [budget.id] as const)
    return {
      call: {
        id: toCallId(id),
        admittedAt: at,
        attributes: { team: 'a', provider: 'openai', model: 'gpt-5', tags: {} },
        endpoint: 'openai.chat',
        ...(price === undefined ? {} : { price }),
      },
      bound: {
        input: wish.input ?? 10,
        outputMax,
        outputMin: wish.outputMin ?? outputMax,
        choices: wish.choices ?? 1,
        ...(outputExpected === undefined ? {} : { outputExpected }),
      },
      accounts: wish.refs ?? accounts.map(([budget, each]) => this.ref(budget, each ?? null, at)),
      version: this.#version,
      expiresAt: wish.expiresAt ?? at + TTL_MS,
      ...(isTrial === undefined ? {} : { isTrial }),
    }
  }

  settle(id: string, usage: Usage | 'held', { endedAt = AT, ending = 'done' }: { endedAt?: EpochMs; ending?: Ending } = {}) {
    return this.access.counters.settle({ call: toCallId(id), endedAt, ending, status: 200, usage })
  }

  /** A call from its hold to its end, in all budgets that the process knows. */
  async call(id: string, tokens: number, wish: CallWish = {}): Promise<EndedCall | undefined> {
    await this.reserve(id, { input: tokens, ...wish })
    return this.settle(id, reported(tokens))
  }

  /** How the account of a budget stands, or its only one. */
  async standing(budget: string, each: string | null = null): Promise<Standing> {
    const found = (await this.access.counters.standings()).find((account) => account.budget.id === budget && account.each === each)
    if (found === undefined) throw new Error(`${budget} has no open account`)
    return found
  }

  async holds(): Promise<readonly CallId[]> {
    return (await this.access.counters.holds()).map(({ call }) => call.id)
  }
}

/** What a provider said that a call used, all of it plain input. */
export function reported(input: number, output = 0): Usage {
  return { kind: 'reported', counts: { input: { total: input }, output: { total: output } } }
}

/** What was alerted so far, each alert once, in the order in which they were told. */
export async function alertsOf(under: CountersUnderTest): Promise<readonly Alert[]> {
  await under.tend?.()
  return alertsIn(await under.records())
}

/** The alerts among the records, each once, in the order in which they were told. */
export function alertsIn(records: readonly LedgerRecord[]): readonly Alert[] {
  const told = records.flatMap((record) => (record.kind === 'ended' ? record.alerts : record.kind === 'alerted' ? [record.alert] : []))
  return [...new Map(told.map((alert) => [alert.id, alert])).values()]
}

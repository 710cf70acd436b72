import { type AccountKey, toBudgetId } from '../../domain/ids.ts'
import { EXHAUSTED } from '../../domain/accounts/threshold.ts'
import type { Clock } from '../../engine/ports.ts'
import { partsOf, sharesOf } from './account-row.ts'
import type { RedisAccounts } from './accounts.ts'
import type { RedisCatalog } from './catalog.ts'
import type { KeyNames } from './key-names.ts'
import { SCRIPTS } from './script.ts'
import type { Session } from './session.ts'

export interface CrossingsDeps {
  readonly session: Session
  readonly names: KeyNames
  readonly catalog: RedisCatalog
  readonly accounts: RedisAccounts
  readonly clock: Clock
}

const AT_ONCE = 500

/**
 * Thresholds that were crossed. The step that crosses one latches it and writes the fact into the stream, with the settlement
 * that did it; whoever brings the stream into the ledger makes the alert of it, with all that a message says.
 */
export class Crossings {
  readonly #deps: CrossingsDeps
  readonly #unjudged = new Set<AccountKey>()
  /** Of the store in which all was judged that others may have left. */
  #judgedEpoch: string | undefined

  constructor(deps: CrossingsDeps) {
    this.#deps = deps
  }

  /** These accounts were charged by a process that did not know the newest budgets, or by a step that does not judge. */
  judgeLater(accounts: readonly AccountKey[]): void {
    for (const account of accounts) this.#unjudged.add(account)
  }

  /** Judges what could not be judged when it was charged. @throws Failure store_unavailable: then it is judged another time */
  async judge(): Promise<void> {
    const { epoch } = this.#deps.session
    if (epoch !== this.#judgedEpoch) {
      this.judgeLater(await this.#charged())
      this.#judgedEpoch = epoch
    }
    if (this.#unjudged.size === 0) return
    const { version } = await this.#deps.catalog.read()
    const accounts = [...this.#unjudged]
    for (let i = 0; i < accounts.length; i += AT_ONCE) await this.#judge(accounts.slice(i, i + AT_ONCE), version)
  }

  /** A process that charged an account may have died before it judged it, and a store may have lost what was crossed. */
  async #charged(): Promise<readonly AccountKey[]> {
    const { accounts, catalog } = this.#deps
    const standings = await accounts.standings()
    return standings.flatMap(({ key, budget, used, alertedAt }) =>
      used > 0 && alertedAt < EXHAUSTED && catalog.known(budget.id)?.unit === budget.unit ? [key] : [],
    )
  }

  async #judge(keys: readonly AccountKey[], version: number): Promise<void> {
    const { session, names, catalog, clock } = this.#deps
    // What is charged from here on is judged after this.
    for (const account of keys) this.#unjudged.delete(account)
    const accounts = keys.flatMap((account) => {
      const budget = catalog.known(toBudgetId(partsOf(account).budget))
      return budget === undefined ? [] : [{ account, limit: budget.limit, shares: sharesOf(budget) }]
    })
    try {
      const [kind] = await session.step(
        SCRIPTS.judge,
        [names.faces, names.stream, ...accounts.map(({ account }) => names.account(account))],
        { numbers: [clock.now(), ...accounts.map(({ limit }) => limit)], texts: accounts.map(({ shares }) => shares), version },
      )
      if (kind !== 'judged') this.judgeLater(keys)
    } catch (error) {
      this.judgeLater(keys)
      throw error
    }
  }
}

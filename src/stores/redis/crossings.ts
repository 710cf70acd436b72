import { type AccountKey, toBudgetId } from '../../domain/ids.ts'
import type { Clock } from '../../engine/ports.ts'
import { partsOf, sharesOf } from './account-row.ts'
import type { RedisCatalog } from './catalog.ts'
import type { KeyNames } from './key-names.ts'
import { SCRIPTS } from './script.ts'
import type { Session } from './session.ts'

export interface CrossingsDeps {
  readonly session: Session
  readonly names: KeyNames
  readonly catalog: RedisCatalog
  readonly clock: Clock
}

/**
 * Thresholds that were crossed. The step that crosses one latches it and writes the fact into the stream, with the settlement
 * that did it; whoever brings the stream into the ledger makes the alert of it, with all that a message says.
 */
export class Crossings {
  readonly #deps: CrossingsDeps
  readonly #unjudged = new Set<AccountKey>()

  constructor(deps: CrossingsDeps) {
    this.#deps = deps
  }

  /** These accounts were charged by a process that did not know the newest budgets. */
  judgeLater(accounts: readonly AccountKey[]): void {
    for (const account of accounts) this.#unjudged.add(account)
  }

  /** Judges what could not be judged when it was charged. @throws Failure store_unavailable: then it is judged another time */
  async judge(): Promise<void> {
    if (this.#unjudged.size === 0) return
    const { session, names, catalog, clock } = this.#deps
    const { version } = await catalog.read()
    const accounts = [...this.#unjudged].flatMap((account) => {
      const budget = catalog.known(toBudgetId(partsOf(account).budget))
      return budget === undefined ? [] : [{ account, limit: budget.limit, shares: sharesOf(budget) }]
    })
    const keys = [names.faces, names.stream, ...accounts.map(({ account }) => names.account(account))]
    const [kind] = await session.step(SCRIPTS.judge, keys, {
      numbers: [clock.now(), ...accounts.map(({ limit }) => limit)],
      texts: accounts.map(({ shares }) => shares),
      version,
    })
    if (kind === 'judged') for (const { account } of accounts) this.#unjudged.delete(account)
  }
}

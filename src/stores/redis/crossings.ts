import { type Alert, alertOf } from '../../domain/alert.ts'
import { type AccountKey, toAccountKey, toBudgetId } from '../../domain/ids.ts'
import type { EpochMs } from '../../domain/instant.ts'
import type { Clock } from '../../engine/ports.ts'
import { fromFace, partsOf, sharesOf, toAccount } from './account-row.ts'
import type { RedisCatalog } from './catalog.ts'
import type { KeyNames } from './key-names.ts'
import { SCRIPTS } from './script.ts'
import type { Session } from './session.ts'

export interface CrossingsDeps {
  readonly session: Session
  readonly names: KeyNames
  readonly catalog: RedisCatalog
  readonly clock: Clock
  readonly channelNames: readonly string[]
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

  /** The alerts of such facts: a line each, of the share, used, the limit, and what the account is. */
  async alertsOf(lines: string, at: EpochMs): Promise<readonly Alert[]> {
    const alerts: Alert[] = []
    for (const line of lines.split('\n').slice(0, -1)) alerts.push(...(await this.#alertOf(line, at)))
    return alerts
  }

  async #alertOf(line: string, at: EpochMs): Promise<readonly Alert[]> {
    const [, share, used, limit, json = ''] = /^(\S+) (\d+) (\d+) (.*)$/.exec(line) ?? []
    const { budget: id, each, period } = fromFace(json)
    const budget = await this.#deps.catalog.budget(id)
    if (budget === undefined) return []
    const key = toAccountKey(id, each, period.startsAt)
    const crossing = { account: key, threshold: Number(share), used: Number(used), limit: Number(limit) }
    return [alertOf(toAccount({ key, budget, each, period }, undefined), crossing, at, this.#deps.channelNames)]
  }
}

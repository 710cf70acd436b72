import { accountPeriod } from '../../domain/budget.ts'
import { alertOf } from '../../domain/alert.ts'
import { type AccountKey, parseAccountKey, toBudgetId } from '../../domain/ids.ts'
import type { Clock } from '../../engine/ports.ts'
import { fromFace, partsOf, sharesOf, toAccount } from './account-row.ts'
import type { RedisCatalog } from './catalog.ts'
import type { KeyNames } from './key-names.ts'
import { pairsOf } from './redis-client.ts'
import { SCRIPTS } from './script.ts'
import type { Session } from './session.ts'
import { toEntryText } from './stream-entry.ts'

export interface CrossingsDeps {
  readonly session: Session
  readonly names: KeyNames
  readonly catalog: RedisCatalog
  readonly clock: Clock
  readonly channelNames: readonly string[]
}

/**
 * Thresholds that were crossed. The step that crosses one latches it and leaves the fact in the store; whichever process comes
 * first tells it, once, as an alert with all that a message says. So none is lost with the process that crossed it.
 */
export class Crossings {
  readonly #deps: CrossingsDeps
  readonly #unjudged = new Set<AccountKey>()
  #isTelling = false

  constructor(deps: CrossingsDeps) {
    this.#deps = deps
  }

  /** Tells what there is, in the background: what fails now is told by the next {@link tell}. */
  tellSoon(): void {
    if (this.#isTelling) return
    this.#isTelling = true
    void this.tell()
      .catch(() => undefined)
      .finally(() => {
        this.#isTelling = false
      })
  }

  /** These accounts were charged by a process that did not know the newest budgets. */
  judgeSoon(accounts: readonly AccountKey[]): void {
    for (const account of accounts) this.#unjudged.add(account)
    this.tellSoon()
  }

  /** @throws Failure store_unavailable: then it is told another time */
  async tell(): Promise<void> {
    await this.#judge()
    const { session, names } = this.#deps
    const crossed = pairsOf(await session.ask('HGETALL', names.crossed))
    for (const [crossing, facts] of crossed) await this.#tellOne(crossing, facts)
  }

  async #judge(): Promise<void> {
    if (this.#unjudged.size === 0) return
    const { session, names, catalog, clock } = this.#deps
    const { version } = await catalog.read()
    const accounts = [...this.#unjudged].flatMap((account) => {
      const budget = catalog.known(toBudgetId(partsOf(account).budget))
      return budget === undefined ? [] : [{ account, limit: budget.limit, shares: sharesOf(budget) }]
    })
    const keys = [names.crossed, ...accounts.map(({ account }) => names.account(account))]
    const [kind] = await session.step(SCRIPTS.judge, keys, {
      numbers: [clock.now(), ...accounts.map(({ limit }) => limit)],
      texts: accounts.map(({ shares }) => shares),
      version,
    })
    if (kind === 'judged') for (const { account } of accounts) this.#unjudged.delete(account)
  }

  async #tellOne(crossing: string, facts: string): Promise<void> {
    const { session, names, catalog, channelNames } = this.#deps
    const [, account = '', share = ''] = /^([\s\S]*)\n([^\n]*)$/.exec(crossing) ?? []
    const [used = 0, limit = 0, at = 0] = facts.split(' ').map(Number)
    const key = parseAccountKey(names.accountIn(account))
    const { budget: id, each, startsAt } = partsOf(key)
    const budget = await catalog.budget(toBudgetId(id))
    if (budget === undefined) return
    const face = await session.ask('HGET', names.faces, account)
    const period = face === null ? accountPeriod(budget, startsAt) : fromFace(face).period
    const standing = toAccount({ key, budget, each: each === '' ? null : each, period }, undefined)
    const alert = alertOf(standing, { account: key, threshold: Number(share), used, limit }, at, channelNames)
    await session.step(SCRIPTS.alert, [names.crossed, names.stream], { texts: [crossing, toEntryText({ kind: 'alerted', alert })] })
  }
}

import { type Budget, type BudgetDefinition, accountPeriod, restart, revise } from '../domain/budgets/budget.ts'
import { type BudgetIndex, indexBudgets } from '../domain/budgets/budget-index.ts'
import { type BudgetId, toAccountKey } from '../domain/ids.ts'
import type { EpochMs } from '../domain/instant.ts'
import type { Attributes } from '../domain/budgets/scope.ts'
import { EachValues } from './each-values.ts'
import type { AccountRef, CatalogState } from './ports.ts'

/** The accounts of a caller, good for as long as no period ends and no budget changes. */
interface Resolved {
  readonly revision: number
  readonly from: EpochMs
  readonly until: EpochMs
  readonly accounts: readonly AccountRef[]
}

/** The budgets in force, and the one function that says which accounts a call counts in. */
export class BudgetBook {
  readonly #budgets: Map<string, Budget>
  readonly #resolved = new WeakMap<Attributes, Resolved>()
  readonly #eachValues: EachValues
  #index: BudgetIndex
  #revision = 0
  #version: number

  /** @param onFull hears of a key that brings more `each` values than are kept apart */
  constructor({ budgets, version }: Pick<CatalogState, 'budgets' | 'version'>, onFull: (message: string) => void = () => undefined) {
    this.#eachValues = new EachValues(onFull)
    this.#budgets = new Map(budgets.map((budget) => [budget.id, budget]))
    this.#index = indexBudgets(budgets)
    this.#version = version
  }

  /** The catalog's, of which these are the budgets. */
  get version(): number {
    return this.#version
  }

  /** Takes the budgets over as another process changed them. */
  load({ budgets, version }: Pick<CatalogState, 'budgets' | 'version'>): void {
    this.#budgets.clear()
    this.set(version, budgets)
  }

  /** All budgets, also the archived ones. */
  all(): readonly Budget[] {
    return [...this.#budgets.values()]
  }

  /** Those that have an account in every period, whether a call counts in it or not. */
  alwaysOpen(): readonly Budget[] {
    return this.all().filter(({ each, archivedAt }) => each === undefined && archivedAt === undefined)
  }

  get(id: string): Budget | undefined {
    return this.#budgets.get(id)
  }

  /** Puts budgets in force from the next call on. */
  set(version: number, changed: readonly Budget[]): void {
    for (const budget of changed) this.#budgets.set(budget.id, budget)
    this.#index = indexBudgets(this.#budgets.values())
    this.#version = version
    this.#revision++
  }

  /**
   * What the budgets become when the file says `definitions`: those that changed, and those it no longer names, archived.
   * @param nowOf the instant of the edit, for each budget
   */
  changedBy(definitions: readonly BudgetDefinition[], nowOf: (budget: BudgetId) => EpochMs): readonly Budget[] {
    const named = new Set(definitions.map(({ id }) => id))
    const revised = definitions.map((definition) => revise(this.#budgets.get(definition.id), definition, nowOf(definition.id)))
    const dropped = this.all().filter((budget) => budget.managedBy === 'file' && budget.archivedAt === undefined && !named.has(budget.id))
    const archived = dropped.map((budget) => ({ ...budget, archivedAt: nowOf(budget.id) }))
    return [...revised.filter((budget) => !isSame(budget, this.#budgets.get(budget.id))), ...archived]
  }

  /** The budget with its accounts beginning anew at `now`; not yet in force. */
  restarted(budget: Budget, now: EpochMs): Budget {
    return restart(budget, Math.max(now, (budget.startsFrom ?? 0) + 1))
  }

  /**
   * The accounts in which a call of these attributes counts at `at`.
   * @param attributes kept by identity: hand in the same object for the same caller, and nothing is computed twice
   */
  accountsOf(attributes: Attributes, at: EpochMs): readonly AccountRef[] {
    const known = this.#resolved.get(attributes)
    if (known !== undefined && known.revision === this.#revision && known.from <= at && at < known.until) return known.accounts
    const accounts = this.#accountsAt(attributes, at)
    const resolved: Resolved = {
      revision: this.#revision,
      from: at,
      until: Math.min(...accounts.map(({ period }) => period.endsAt), Infinity),
      accounts,
    }
    this.#resolved.set(attributes, resolved)
    return accounts
  }

  /** Each account once, also where several values of a call share one. */
  #accountsAt(attributes: Attributes, at: EpochMs): readonly AccountRef[] {
    const refs = new Map<string, AccountRef>()
    for (const { budget, each } of this.#index.applicable(attributes)) {
      const ref = accountRef(budget, each, at)
      const shared = each === null ? null : this.#eachValues.of({ budget, each, key: attributes.key, endsAt: ref.period.endsAt })
      const own = shared === each ? ref : accountRef(budget, shared, at)
      refs.set(own.key, refs.get(own.key) ?? own)
    }
    return [...refs.values()]
  }
}

/** The account of a budget (and `each` value) that is open at `at`. */
export function accountRef(budget: Budget, each: string | null, at: EpochMs): AccountRef {
  const period = accountPeriod(budget, at)
  return { key: toAccountKey(budget.id, each, period.startsAt), budget, each, period }
}

function isSame(a: Budget, b: Budget | undefined): boolean {
  return b !== undefined && canonical(a) === canonical(b)
}

function canonical(budget: Budget): string {
  return JSON.stringify(Object.entries(budget).sort(([a], [b]) => (a < b ? -1 : 1)))
}

import type { Budget } from '../domain/budgets/budget.ts'
import type { EpochMs } from '../domain/instant.ts'

/**
 * The most `each` values that one key brings into a budget in one period: its callers may make them up, and each is an account in
 * memory. An application with thousands of users behind one key is ordinary; more of them share one account.
 */
const EACH_VALUES_MAX = 10_000

/** Stands for the values beyond. One account with the budget's limit for all of them: stricter than one for each, never looser. */
export const OTHER_VALUES = '(other)'

interface Known {
  readonly endsAt: EpochMs
  readonly values: Set<string>
  isTold: boolean
}

export interface Asked {
  readonly budget: Budget
  readonly each: string
  readonly key: string | undefined
  /** Of the account's period. */
  readonly endsAt: EpochMs
}

/** Under which `each` value a call counts; remembers those that each key brought, as long as their period lasts. */
export class EachValues {
  readonly #known = new Map<string, Known>()
  readonly #onFull: (message: string) => void

  /** @param onFull hears once for each budget, key and period */
  constructor(onFull: (message: string) => void) {
    this.#onFull = onFull
  }

  of({ budget, each, key = '', endsAt }: Asked): string {
    const known = this.#knownOf(`${budget.id}\n${key}`, endsAt)
    if (known.values.has(each)) return each
    if (known.values.size < EACH_VALUES_MAX) {
      known.values.add(each)
      return each
    }
    if (!known.isTold) {
      this.#onFull(
        `the key "${key}" has brought ${EACH_VALUES_MAX} values of "${budget.each}" into the budget "${budget.id}" in this period: further ones share its account "${OTHER_VALUES}"`,
      )
    }
    known.isTold = true
    return OTHER_VALUES
  }

  #knownOf(name: string, endsAt: EpochMs): Known {
    const known = this.#known.get(name)
    if (known?.endsAt === endsAt) return known
    const fresh = { endsAt, values: new Set<string>(), isTold: false }
    this.#known.set(name, fresh)
    return fresh
  }
}

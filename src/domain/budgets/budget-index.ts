import type { Budget } from './budget.ts'
import { type Attribute, type Attributes, attributeValue, matches, scopeEntries } from './scope.ts'

/** Stands for the value of a call that does not have the `each` attribute: it shares one account, it does not escape. */
export const NO_VALUE = '(none)'

/** A budget that applies to a call, and the `each` value under which it counts there. */
export interface Applicable {
  readonly budget: Budget
  readonly each: string | null
}

/** Finds the budgets that apply to a call; the cost follows these, not how many budgets exist. */
export interface BudgetIndex {
  /** In the order of the budgets' definition. */
  readonly applicable: (attributes: Attributes) => readonly Applicable[]
}

// The attribute that tells the most calls apart comes first: a budget is filed under the first one that its scope names.
const MOST_SELECTIVE_FIRST = ['user', 'key', 'project', 'tag', 'team', 'model', 'provider']

interface Found extends Applicable {
  readonly order: number
}

interface Filed {
  readonly budget: Budget
  readonly order: number
}

/** Compiles budgets that are not archived into an index by attribute value. */
export function indexBudgets(budgets: Iterable<Budget>): BudgetIndex {
  const everywhere: Filed[] = []
  const byAttribute = new Map<Attribute, Map<string, Filed[]>>()
  let order = 0
  for (const budget of budgets) {
    if (budget.archivedAt !== undefined) continue
    fileUnder(byAttribute, everywhere, { budget, order: order++ })
  }
  return {
    applicable: (attributes) => {
      const { otherModels = [] } = attributes
      const ofOwn = find(attributes)
      return otherModels.length === 0 ? ofOwn : union([ofOwn, ...otherModels.map((model) => find({ ...attributes, model }))])
    },
  }

  function find(attributes: Attributes): readonly Found[] {
    const found = [...everywhere]
    for (const [attribute, byValue] of byAttribute) {
      const filed = byValue.get(attributeValue(attributes, attribute) ?? '')
      if (filed !== undefined) found.push(...filed.filter(({ budget }) => matches(budget.scope, attributes)))
    }
    return found.sort((a, b) => a.order - b.order).map(({ budget, order }) => ({ budget, order, each: eachValue(budget, attributes) }))
  }
}

/** Each account once, in the order of the budgets. */
function union(lists: readonly (readonly Found[])[]): readonly Found[] {
  const seen = new Map<string, Found>()
  for (const found of lists.flat()) seen.set(`${found.order} ${found.each}`, seen.get(`${found.order} ${found.each}`) ?? found)
  return [...seen.values()].sort((a, b) => a.order - b.order)
}

function fileUnder(byAttribute: Map<Attribute, Map<string, Filed[]>>, everywhere: Filed[], filed: Filed): void {
  const rank = (name: string) => MOST_SELECTIVE_FIRST.indexOf(name.startsWith('tag.') ? 'tag' : name)
  const [first] = [...scopeEntries(filed.budget.scope)].sort(([a], [b]) => rank(a) - rank(b))
  if (first === undefined) {
    everywhere.push(filed)
    return
  }
  const [attribute, value] = first
  const byValue = byAttribute.get(attribute) ?? new Map<string, Filed[]>()
  byAttribute.set(attribute, byValue)
  const others = byValue.get(value)
  if (others === undefined) byValue.set(value, [filed])
  else others.push(filed)
}

function eachValue(budget: Budget, attributes: Attributes): string | null {
  return budget.each === undefined ? null : (attributeValue(attributes, budget.each) ?? NO_VALUE)
}

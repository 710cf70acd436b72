import type { BudgetDefinition } from '../domain/budgets/budget.ts'
import { scopeEntries } from '../domain/budgets/scope.ts'
import { modelId } from '../domain/usage/model-id.ts'
import type { Config, KeyConfig } from './config.ts'
import { nearestName, suggestion } from './nearest.ts'

/** A name that a budget or a key uses, and where. */
interface Named {
  readonly where: string
  readonly what: string
  readonly name: string
}

/**
 * Names that are probably typing errors: a budget whose scope no call can have counts nothing, and nothing else says so.
 * One line for each, with the likely name. Keys that are made later may have other teams, and private models any name, so these
 * are notes and no errors.
 * @param models the names of all models that have a list price
 */
export function unmatchedNames(config: Config, models: ReadonlySet<string>): readonly string[] {
  return [
    ...config.budgets.flatMap((budget) => unmatchedInScope(budget, config, models)),
    ...config.keys.flatMap((key) => unmatchedModels(key, config, models)),
  ]
}

function unmatchedInScope(budget: BudgetDefinition, config: Config, models: ReadonlySet<string>): readonly string[] {
  return scopeEntries(budget.scope).flatMap(([attribute, name]) => {
    const named = { where: `budgets ${budget.id}`, what: attribute, name }
    switch (attribute) {
      case 'team':
      case 'project':
      case 'user':
        return noteOfValue(named, config.keys, attribute)
      case 'key':
        return noteOf(
          named,
          config.keys.map((key) => key.name),
          'no key of this file has that name',
        )
      case 'provider':
        return noteOf(
          named,
          config.providers.map((provider) => provider.name),
          'no provider of this file has that name',
        )
      case 'model':
        return noteOfModel(named, config, models)
      default:
        return []
    }
  })
}

/** A value that no key fixes: worth a note where no caller may set it by header, or where it is nearly one that a key fixes. */
function noteOfValue(named: Named, keys: readonly KeyConfig[], attribute: 'team' | 'project' | 'user'): readonly string[] {
  const values = keys.flatMap((key) => key[attribute] ?? [])
  const mayBeSet = keys.length === 0 || keys.some(({ allow }) => allow.includes(attribute))
  if (mayBeSet && nearestName(named.name, values) === undefined) return []
  return noteOf(named, values, `no key of this file has that ${attribute}`)
}

function unmatchedModels({ name: key, models: patterns }: KeyConfig, config: Config, models: ReadonlySet<string>): readonly string[] {
  const exact = patterns.filter((pattern) => !pattern.includes('*'))
  return exact.flatMap((name) => noteOfModel({ where: `keys ${key}`, what: 'model', name: modelId(name) }, config, models))
}

/** A model that has no price and that no provider claims is often a private one, so only what is nearly a known name is noted. */
function noteOfModel(named: Named, { prices, providers }: Config, models: ReadonlySet<string>): readonly string[] {
  const own = [...prices.map(({ model }) => modelId(model)), ...providers.flatMap((provider) => provider.models.map(modelId))]
  const known = new Set([...models, ...own])
  const isOwn = own.some((pattern) => pattern.includes('*') && named.name.startsWith(pattern.slice(0, pattern.indexOf('*'))))
  if (isOwn || nearestName(named.name, known) === undefined) return []
  return noteOf(named, known, 'no known model has that name')
}

function noteOf({ where, what, name }: Named, known: Iterable<string>, why: string): readonly string[] {
  const names = new Set(known)
  return names.has(name) ? [] : [`${where}: ${what} ${JSON.stringify(name)}: ${why}${suggestion(name, names)}`]
}

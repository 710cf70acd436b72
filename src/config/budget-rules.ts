import { scopeOfId } from '../domain/budgets/scope.ts'
import type { Rule } from './field.ts'
import { suggestion } from './nearest.ts'
import { isMapping, type Mapping, Scalar, shown, textIn } from './tree.ts'

/** The attributes of a call but for its tags (`tag.NAME`). */
export const ATTRIBUTES: readonly string[] = ['team', 'project', 'user', 'key', 'provider', 'model']

/** Two ways to say the same: only one of them may be there. */
export function conflict(one: string, other: string): Rule {
  return (section) =>
    has(section, one) && has(section, other)
      ? [{ path: [other], message: `${other} says the same as ${one}; keep one of them`, isAtKey: true }]
      : []
}

/** One of these keys, neither none nor two. */
export function exactlyOne(names: readonly string[]): Rule {
  return (section) => {
    const found = names.filter((name) => has(section, name))
    if (found.length === 1) return []
    return [
      { path: [], message: `found ${found.length === 0 ? 'none' : found.join(' and ')}, expected exactly one of ${names.join(', ')}` },
    ]
  }
}

/** A budget says how much, in one of two ways. */
export const limitOrClassic: Rule = (budget) =>
  has(budget, 'limit') || has(budget, 'monthly_token_limit')
    ? []
    : [{ path: [], message: 'limit is missing, expected limit or monthly_token_limit' }]

/** `monthly_token_limit` is a limit per month. */
export const monthlyIsMonthly: Rule = (budget) => {
  const period = textIn(budget, 'period')
  const isOther = has(budget, 'monthly_token_limit') && period !== undefined && period !== 'month'
  return isOther
    ? [
        {
          path: ['period'],
          message: `found ${shown(budget['period'])}, expected month beside monthly_token_limit (or limit: { tokens: … })`,
        },
      ]
    : []
}

/** Weights say what tokens count. */
export const weightsAreForTokens: Rule = (budget) => onlyBeside(budget, 'weights', 'tokens')

/** Only in USD does a price matter. */
export const unpricedIsForUsd: Rule = (budget) => onlyBeside(budget, 'unpriced', 'usd')

function onlyBeside(budget: Mapping, name: string, unit: string): ReturnType<Rule> {
  const limit = budget['limit']
  const isOther = isMapping(limit) ? !has(limit, unit) : has(budget, 'monthly_token_limit') && unit !== 'tokens'
  const path = [name]
  return has(budget, name) && isOther ? [{ path, message: `${name} is for budgets in ${unit} (limit: { ${unit}: … })`, isAtKey: true }] : []
}

/** Where a budget has no scope of its own, its id says it. */
export const scopeOrTellingId: Rule = (budget) => {
  const id = textIn(budget, 'id')
  if (id === undefined || has(budget, 'scope') || scopeOfId(id) !== undefined) return []
  const expected = `expected global, ATTRIBUTE:VALUE (of ${ATTRIBUTES.join(', ')}, tag.NAME), or a scope of its own`
  return [{ path: ['id'], message: `found ${shown(budget['id'])}, which does not say which calls count; ${expected}${idHint(budget, id)}` }]
}

function idHint(budget: Mapping, id: string): string {
  const value = budget['id']
  if (!(value instanceof Scalar) || !value.isShown) return ''
  const colon = id.indexOf(':')
  const attribute = colon < 0 ? id : id.slice(0, colon)
  const hint = suggestion(attribute, colon < 0 ? ['global'] : ATTRIBUTES)
  return colon < 0 ? hint : hint.replace(/"\?$/, `${id.slice(colon)}"?`)
}

function has(section: Mapping, name: string): boolean {
  return section[name] !== undefined
}

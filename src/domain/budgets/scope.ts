import { modelId } from '../usage/model-id.ts'

/** The attributes of a call by which budgets choose it. */
export type Attribute = 'team' | 'project' | 'user' | 'key' | 'provider' | 'model' | `tag.${string}`

/** Who makes a call and what for. An attribute that is not known is absent, and matches no scope that names it. */
export interface Attributes {
  readonly team?: string
  readonly project?: string
  readonly user?: string
  readonly key?: string
  readonly provider: string
  /** Its one name ({@link modelId}). */
  readonly model: string
  /** Further models that the request names (a fallback, a tool's), by their one names; absent: none. The budgets of each apply. */
  readonly otherModels?: readonly string[]
  readonly tags: Readonly<Record<string, string>>
}

/** The calls that count: all whose attributes have these values. `{}` is every call. */
export type Scope = Readonly<Partial<Record<Attribute, string>>>

const NAMES: ReadonlySet<string> = new Set(['team', 'project', 'user', 'key', 'provider', 'model'])

/** True for the names that a scope or an `each` may have: the six fixed ones, and `tag.` with a name. */
export function isAttribute(name: string): name is Attribute {
  return NAMES.has(name) || (name.startsWith('tag.') && name.length > 'tag.'.length)
}

/** The call's value of that attribute, or `undefined` where the call has none. */
export function attributeValue(attributes: Attributes, name: Attribute): string | undefined {
  switch (name) {
    case 'team':
    case 'project':
    case 'user':
    case 'key':
    case 'provider':
    case 'model':
      return attributes[name]
    default: {
      const tag = name.slice('tag.'.length)
      return Object.hasOwn(attributes.tags, tag) ? attributes.tags[tag] : undefined
    }
  }
}

/** The scope's attributes with their values, in the order in which they were written; a model by its one name. */
export function scopeEntries(scope: Scope): readonly (readonly [Attribute, string])[] {
  const entries: (readonly [Attribute, string])[] = []
  for (const [name, value] of Object.entries(scope)) {
    if (isAttribute(name) && value !== undefined) entries.push([name, name === 'model' ? modelId(value) : value])
  }
  return entries
}

/** True where the call has every value that the scope names. */
export function matches(scope: Scope, attributes: Attributes): boolean {
  return scopeEntries(scope).every(([name, value]) => attributeValue(attributes, name) === value)
}

/**
 * The scope that a budget's id says where it has none of its own: `global` is every call, `team:x` is that team.
 * @returns undefined where the id names no attribute
 */
export function scopeOfId(id: string): Scope | undefined {
  if (id === 'global') return {}
  const colon = id.indexOf(':')
  const name = id.slice(0, colon)
  const value = id.slice(colon + 1)
  return colon > 0 && value !== '' && isAttribute(name) ? { [name]: value } : undefined
}

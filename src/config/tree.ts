/** The steps from the root of a config to something in it: names of keys, and places in lists. */
export type Path = readonly (string | number)[]

/** A config as it was written: maps without a prototype, lists, and scalars that keep their source text. */
export type Tree = Scalar | readonly Tree[] | Mapping | undefined

export type Mapping = { readonly [name: string]: Tree }

/** One value as it was written, after `${VAR}` was replaced. */
export class Scalar {
  /** `broken`: it could not be read, which has been reported. */
  readonly kind: 'text' | 'number' | 'flag' | 'empty' | 'broken'
  /** As in the file: `1.10` stays `1.10`. */
  readonly text: string
  /** False where a message may not quote it, since it may hold a secret. */
  readonly isShown: boolean

  constructor({ kind, text, isShown }: Pick<Scalar, 'kind' | 'text' | 'isShown'>) {
    this.kind = kind
    this.text = text
    this.isShown = isShown
  }
}

export function isMapping(value: unknown): value is Mapping {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Scalar)
}

/** The text of a scalar in a mapping, or undefined where there is no scalar with a text. */
export function textIn(tree: unknown, name: string): string | undefined {
  const value = isMapping(tree) ? tree[name] : undefined
  return value instanceof Scalar && value.text !== '' ? value.text : undefined
}

/** The items of a list in a mapping; none where it is no list. */
export function itemsIn(tree: unknown, name: string): readonly unknown[] {
  const value = isMapping(tree) ? tree[name] : undefined
  return Array.isArray(value) ? value : []
}

const SHOWN_MAX = 60

/** What was found, for a message: quoted where it may be shown, else described. */
export function shown(value: unknown, isSecret = false): string {
  if (Array.isArray(value)) return 'a list'
  if (isMapping(value)) return 'a map'
  if (!(value instanceof Scalar) || value.kind === 'empty') return 'nothing'
  if (isSecret || !value.isShown) return 'a value that is not shown here'
  if (value.kind !== 'text') return value.text
  return JSON.stringify(value.text.length > SHOWN_MAX ? `${value.text.slice(0, SHOWN_MAX)}…` : value.text)
}

/** `budgets[1].period`; a name with other characters is cut there, since a typing error can put a secret into it. */
export function formatPath(path: Path): string {
  let text = ''
  for (const step of path) {
    if (typeof step === 'number') text += `[${step}]`
    else text += `${text === '' ? '' : '.'}${shownName(step)}`
  }
  return text
}

function shownName(name: string): string {
  const plain = /^[\w.*-]{0,60}/.exec(name)?.[0] ?? ''
  return plain === name ? plain : `${plain}…`
}

import type { Hold } from '../../domain/call.ts'
import type { AccountKey } from '../../domain/ids.ts'
import type { Price } from '../../domain/usage/price.ts'
import { sharedPrice } from './price-by-text.ts'
import type { Attributes } from '../../domain/budgets/scope.ts'
import { hasFields } from './row.ts'

/** What calls have in common. */
export interface CallKind {
  readonly attributes: Attributes
  readonly price: Price | undefined
  readonly endpoint: string
  /** Those that they count in: the same for all calls of a caller until a period ends or a budget changes. */
  readonly accounts: readonly AccountKey[]
}

/** Between two texts that are JSON, which never has a tab outside of its strings, nor inside. */
export const DIVIDER = '\t'

/** A kind, and the text that is made of it once. */
interface Written extends CallKind {
  readonly text: string
}

/**
 * The kinds of the calls of one text, which are written once for all of them: two texts for each, behind tabs. Calls of one caller
 * share their attributes and price: the same objects are the same kind.
 */
export class CallKinds {
  readonly #written: Written[] = []
  text = ''

  numberOf(hold: Hold): number {
    const known = this.#written.findLastIndex((kind) => isOfKind(hold, kind))
    if (known !== -1) return known
    const kind = toWritten(hold)
    this.text += DIVIDER + kind.text
    return this.#written.push(kind) - 1
  }
}

function isOfKind({ call, charges }: Hold, { attributes, price, endpoint, accounts }: CallKind): boolean {
  if (call.attributes !== attributes || call.price !== price || call.endpoint !== endpoint) return false
  for (let i = 0; i < accounts.length; i++) if (accounts[i] !== charges[i]?.account) return false
  return accounts.length === charges.length
}

/** That of a caller's last call, by the attributes, which are the same object for all of them. Nothing of the call itself is kept. */
const lastWritten = new WeakMap<Attributes, Written>()

function toWritten(hold: Hold): Written {
  const { attributes, price, endpoint } = hold.call
  const last = lastWritten.get(attributes)
  if (last !== undefined && isOfKind(hold, last)) return last
  const accounts = hold.charges.map(({ account }) => account)
  const own = `[${textOf(attributes)},${price === undefined ? null : textOf(price)},${JSON.stringify(endpoint)}]`
  const written = { attributes, price, endpoint, accounts, text: own + DIVIDER + JSON.stringify(accounts) }
  lastWritten.set(attributes, written)
  return written
}

const texts = new WeakMap<object, string>()

/** The JSON of an object that many records share, and that never changes. */
export function textOf(shared: object): string {
  const made = texts.get(shared)
  if (made !== undefined) return made
  const text = JSON.stringify(shared)
  texts.set(shared, text)
  return text
}

/** Callers choose attributes, so the number of kinds that are remembered is bounded, and the length of their texts. */
const KNOWN_MAX = 10_000
const KNOWN_LENGTH_MAX = 4000
/** By the first of their two texts, with what the second was last: of a caller's accounts those of its last call are kept. */
const kinds = new Map<string, { readonly kind: CallKind; readonly accountsText: string }>()

/**
 * The kinds that stand behind these texts, in their order; with the same attributes and price for the same text.
 * @param texts two for each
 * @returns undefined where they are no kinds
 */
export function toCallKinds(texts: readonly string[]): readonly CallKind[] | undefined {
  const found: CallKind[] = []
  for (let i = 0; i < texts.length; i += 2) {
    const kind = knownKind(texts[i] ?? '', texts[i + 1] ?? '')
    if (kind === undefined) return undefined
    found.push(kind)
  }
  return found
}

function knownKind(ownText: string, accountsText: string): CallKind | undefined {
  const known = kinds.get(ownText)
  if (known?.accountsText === accountsText) return known.kind
  const accounts: unknown = JSON.parse(accountsText)
  if (!areAccounts(accounts)) return undefined
  const own: unknown = known === undefined ? JSON.parse(ownText) : [known.kind.attributes, known.kind.price ?? null, known.kind.endpoint]
  if (!isOwn(own)) return undefined
  const [attributes, price, endpoint] = own
  const kind = { attributes, price: price === null ? undefined : sharedPrice(price), endpoint, accounts }
  if (ownText.length > KNOWN_LENGTH_MAX) return kind
  if (kinds.size >= KNOWN_MAX) kinds.clear()
  kinds.set(ownText, { kind, accountsText })
  return kind
}

const isAttributes = hasFields<Attributes>('provider', 'model', 'tags')
const isPrice = hasFields<Price>('inputPico', 'cachedInputPico', 'cacheWritePico', 'outputPico')

function isOwn(value: unknown): value is readonly [Attributes, Price | null, string] {
  return Array.isArray(value) && isAttributes(value[0]) && (value[1] === null || isPrice(value[1])) && typeof value[2] === 'string'
}

function areAccounts(value: unknown): value is readonly AccountKey[] {
  return Array.isArray(value)
}

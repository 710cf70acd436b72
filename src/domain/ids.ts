declare const brand: unique symbol

/** A string that was checked or made in one place, and can't be mixed up with another kind of string. */
type Branded<Name extends string> = string & { readonly [brand]: Name }

/** The id of a budget as its owner wrote it, such as `team:marketing`. */
export type BudgetId = Branded<'BudgetId'>

/** One call to a provider; also the idempotency key of everything that is recorded about it. */
export type CallId = Branded<'CallId'>

/** One account: a budget, its `each` value and the instant at which the account began. */
export type AccountKey = Branded<'AccountKey'>

/** What a team, project, user, key, provider, model, tag or budget is called, in Unicode's form NFC (see {@link toName}). */
export type Name = Branded<'Name'>

/** What people are told who wrote something that is no id. */
export const ID_EXPECTED = '1 to 200 characters of well-formed Unicode, without control characters, line breaks and marks of direction'

/** Control characters, line and paragraph separators, byte order marks, and what turns the direction of the text around it. */
const NOT_IN_IDS = /[\p{Cc}\p{Bidi_Control}\u2028\u2029\uFEFF]/u

/**
 * 1 to 200 characters ({@link ID_EXPECTED}): what UTF-8, SQL, Redis, a URL and a line of a log take alike. Half a surrogate pair has no
 * UTF-8, and comes back from a file as another character.
 */
export function isId(text: string): boolean {
  return text.length > 0 && text.length <= ID_LENGTH_MAX && text.isWellFormed() && !NOT_IN_IDS.test(text)
}

const ID_LENGTH_MAX = 200

/**
 * The one entrance for names, from a config, a header or the control plane. Of the ways in which Unicode writes "é", all become one
 * (NFC), so that a budget's name matches a caller's whatever keyboard wrote them.
 * @returns undefined where `text` is no id (see {@link isId})
 */
export function toName(text: string): Name | undefined {
  if (text.length > ID_LENGTH_MAX * NFC_SHRINKS_MAX) return undefined
  const name = text.normalize('NFC')
  return isId(name) ? (name as Name) : undefined
}

/** A letter with its marks written apart has up to four times the length that it has in NFC. */
const NFC_SHRINKS_MAX = 4

/** @throws RangeError where `text` is no id (see {@link isId}) */
export function toBudgetId(text: string): BudgetId {
  return checked(text) as BudgetId
}

/** @throws RangeError where `text` is no id (see {@link isId}) */
export function toCallId(text: string): CallId {
  return checked(text) as CallId
}

/** @param parts what makes it the only one; in letters and digits */
export function makeCallId(parts: string): CallId {
  return `call_${parts}` as CallId
}

/** The separator can't stand in an id, so two different accounts never share a key. */
export function toAccountKey(budget: BudgetId, each: string | null, startsAt: number): AccountKey {
  return `${budget}\n${each ?? ''}\n${startsAt}` as AccountKey
}

/** @throws RangeError where `text` was not made by {@link toAccountKey} */
export function parseAccountKey(text: string): AccountKey {
  if (!/^[^\n]+\n[^\n]*\n-?\d+$/.test(text)) throw new RangeError(`not an account key: ${text.slice(0, 80)}`)
  return text as AccountKey
}

function checked(text: string): string {
  if (!isId(text)) throw new RangeError(`an id has ${ID_EXPECTED}: ${JSON.stringify(text.slice(0, 80))}`)
  return text
}

declare const brand: unique symbol

/** A string that was checked or made in one place, and can't be mixed up with another kind of string. */
type Branded<Name extends string> = string & { readonly [brand]: Name }

/** The id of a budget as its owner wrote it, such as `team:marketing`. */
export type BudgetId = Branded<'BudgetId'>

/** One call to a provider; also the idempotency key of everything that is recorded about it. */
export type CallId = Branded<'CallId'>

/** One account: a budget, its `each` value and the instant at which the account began. */
export type AccountKey = Branded<'AccountKey'>

/** 1 to 200 characters without control characters. */
export function isId(text: string): boolean {
  return text.length > 0 && text.length <= 200 && !/\p{Cc}/u.test(text)
}

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
  if (!isId(text)) throw new RangeError(`an id has 1 to 200 characters and no control characters: ${JSON.stringify(text.slice(0, 80))}`)
  return text
}

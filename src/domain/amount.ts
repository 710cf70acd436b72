import { assert } from './defect.ts'

/** What a budget counts. An amount of `usd` is an integer count of nano-USD (1e-9 USD). */
export type Unit = 'tokens' | 'usd' | 'requests'

/** A safe integer >= 0 in an account's own unit: tokens, requests or nano-USD. */
export type Amount = number

/** The largest amount: 2^53 - 1, which is 9,007,199 USD in nano-USD. JSON, SQLite and Lua keep integers exact up to here. */
export const AMOUNT_MAX: Amount = Number.MAX_SAFE_INTEGER

/** True for safe integers >= 0. */
export function isAmount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0
}

/**
 * The sum, and no more than {@link AMOUNT_MAX}: what is summed up comes from callers and providers, and no number of theirs may
 * keep a call from being settled. A sum that is full stays full, whatever order it is summed up in, so all sums of the same
 * amounts stay equal.
 * @param b may be negative, where that much is taken away
 * @throws Defect where the result is no integer >= 0
 */
export function plus(a: Amount, b: number): Amount {
  const sum = a + b
  assert(Number.isInteger(sum) && sum >= 0, 'a sum of amounts is an amount')
  return Math.min(sum, AMOUNT_MAX)
}

/** @throws Defect where `b` is more than `a` */
export function minus(a: Amount, b: Amount): Amount {
  const rest = a - b
  assert(isAmount(rest), 'no more is given back than was set aside')
  return rest
}

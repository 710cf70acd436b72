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

const NANO_PER_USD = 1e9
const FRACTION_DIGITS_MAX = 9

/** An amount as people and JSON read it: tokens and requests as they are, money in USD. */
export function displayAmount(unit: Unit, amount: Amount): number {
  return unit === 'usd' ? amount / NANO_PER_USD : amount
}

/** `12,345 tokens`, `3.20 USD`, `40 requests` */
export function formatAmount(unit: Unit, amount: Amount): string {
  return `${formatNumber(unit, amount)} ${unit === 'usd' ? 'USD' : unit}`
}

/** {@link formatAmount} without the unit. */
export function formatNumber(unit: Unit, amount: Amount): string {
  const shown = displayAmount(unit, amount)
  return unit === 'usd' ? formatUsd(shown) : shown.toLocaleString('en-US')
}

/** `1,234.50`, `0.0042`: two to four digits of a dollar's fraction, and of a sum below a cent its first four. */
export function formatUsd(usd: number): string {
  const zeros = usd > 0 && usd < 1 ? Math.ceil(-Math.log10(usd)) - 1 : 0
  return usd.toLocaleString('en-US', { minimumFractionDigits: 2, maximumFractionDigits: Math.min(FRACTION_DIGITS_MAX, 4 + zeros) })
}

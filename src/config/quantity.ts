import { AMOUNT_MAX } from '../domain/amount.ts'

/** A value read from text, or what was expected instead (and a hint). */
export type Reading<T> =
  | { readonly kind: 'ok'; readonly value: T }
  | { readonly kind: 'bad'; readonly expected: string; readonly hint?: string }

/** A decimal number, exactly: `digits / 10^scale`. */
interface Decimal {
  readonly digits: bigint
  readonly scale: number
}

const DECIMAL =
  /^(?<sign>[-+]?)(?<whole>\d+(?:_\d+)*)(?:\.(?<part>\d+(?:_\d+)*))?(?:[eE](?<exponent>[-+]?\d{1,2}))?(?:\s?(?<suffix>[kKMB]))?$/
const SUFFIX_ZEROS: Readonly<Record<string, number>> = { k: 3, K: 3, M: 6, B: 9 }
const USD_MAX = 9_007_199
const USD_DIGITS = 9
const WEIGHT_MAX = 1000
const WEIGHT_DIGITS = 3
const PRICE_DIGITS = 6
const PRICE_USD_MAX = 10_000
/** Node's timers hold 2^31 - 1 ms, a little less than 25 days. */
const DURATION_DAYS_MAX = 24
const MS_PER_DAY = 86_400_000
const MS_PER_UNIT: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: MS_PER_DAY }

/** A whole number in `[min, max]`; `50_000_000`, `50M`, `2.5k` and `1.5B` are read too, and read exactly. */
export function readCount(text: string, { min = 0, max = AMOUNT_MAX } = {}): Reading<number> {
  const isAnyAmount = min === 0 && max === AMOUNT_MAX
  const expected = isAnyAmount ? 'a whole number of 0 or more, such as 50_000_000, 50M or 2.5k' : `a whole number from ${min} to ${max}`
  const count = scaled(text, 0)
  if (count === undefined) return { kind: 'bad', expected, ...suffixHint(text) }
  if (count === 'fraction') return { kind: 'bad', expected, hint: 'this is a fraction' }
  if (count > AMOUNT_MAX && isAnyAmount) return { kind: 'bad', expected: `at most ${AMOUNT_MAX}, up to which numbers are exact` }
  return count < min || count > max ? { kind: 'bad', expected } : { kind: 'ok', value: Number(count) }
}

/** An amount of USD as an integer count of nano-USD, exactly as written: up to nine digits after the point. */
export function readNanoUsd(text: string): Reading<number> {
  const expected = 'an amount in USD of 0 or more, such as 50, 0.25 or 2.5k'
  const nano = scaled(text, USD_DIGITS)
  if (nano === undefined) return { kind: 'bad', expected, ...suffixHint(text) }
  if (nano === 'fraction') return { kind: 'bad', expected: 'at most nine digits after the point (money is counted in nano-USD)' }
  if (nano < 0n) return { kind: 'bad', expected }
  if (nano > BigInt(USD_MAX) * 10n ** BigInt(USD_DIGITS)) {
    return { kind: 'bad', expected: `at most ${USD_MAX} USD: money is counted in integer nano-USD, which are exact up to 2^53` }
  }
  return { kind: 'ok', value: Number(nano) }
}

/** A price in USD per million tokens as integer pico-USD per token, exactly as written: up to six digits after the point. */
export function readPicoPerToken(text: string): Reading<number> {
  const expected = `a price in USD per million tokens from 0 to ${PRICE_USD_MAX}, such as 2.5`
  const pico = scaled(text, PRICE_DIGITS)
  if (pico === 'fraction') return { kind: 'bad', expected: 'at most six digits after the point (prices are kept in pico-USD per token)' }
  const isPrice = pico !== undefined && pico >= 0n && pico <= BigInt(PRICE_USD_MAX) * 10n ** BigInt(PRICE_DIGITS)
  return isPrice ? { kind: 'ok', value: Number(pico) } : { kind: 'bad', expected }
}

/** What a token counts, in thousandths, exactly as written: up to three digits after the point. */
export function readWeight(text: string): Reading<number> {
  const expected = `what a token counts, from 0 to ${WEIGHT_MAX}, such as 0.1`
  const milli = scaled(text, WEIGHT_DIGITS)
  if (milli === 'fraction') return { kind: 'bad', expected: 'at most three digits after the point' }
  const isWeight = milli !== undefined && milli >= 0n && milli <= BigInt(WEIGHT_MAX) * 10n ** BigInt(WEIGHT_DIGITS)
  return isWeight ? { kind: 'ok', value: Number(milli) } : { kind: 'bad', expected }
}

/** A duration with its unit (`500ms`, `2s`, `15m`, `1.5h`, `1d`) in whole milliseconds, from `minMs` to `daysMax` (24 days unless told). */
export function readDuration(text: string, { minMs = 0, daysMax = DURATION_DAYS_MAX } = {}): Reading<number> {
  const expected = 'a duration such as 500ms, 2s, 15m, 1h or 1d'
  const { number, unit = 'ms' } = /^(?<number>\d+(?:\.\d+)?)\s?(?<unit>ms|s|m|h|d)?$/.exec(text)?.groups ?? {}
  if (number === undefined) return { kind: 'bad', expected }
  if (text === number && Number(number) !== 0) return { kind: 'bad', expected, hint: `add a unit, such as ${number}s` }
  const durationMs = Number((Number(number) * (MS_PER_UNIT[unit] ?? 1)).toPrecision(14))
  return Number.isInteger(durationMs) ? withinSpan(durationMs, { minMs, daysMax }) : { kind: 'bad', expected: 'whole milliseconds' }
}

function withinSpan(durationMs: number, { minMs, daysMax }: { readonly minMs: number; readonly daysMax: number }): Reading<number> {
  if (durationMs < minMs) return { kind: 'bad', expected: `at least ${inDays(minMs) ?? `${minMs}ms`}` }
  return durationMs <= daysMax * MS_PER_DAY ? { kind: 'ok', value: durationMs } : { kind: 'bad', expected: `at most ${daysMax}d` }
}

function inDays(durationMs: number): string | undefined {
  return durationMs % MS_PER_DAY === 0 ? `${durationMs / MS_PER_DAY}d` : undefined
}

/** A share of a limit, above 0 and at most 1. */
export function readShare(text: string): Reading<number> {
  const expected = 'a share of the limit above 0 and at most 1, such as 0.8'
  const percent = /^(?<number>\d+(?:\.\d+)?)\s?%?$/.exec(text)?.groups?.['number']
  const share = DECIMAL.test(text) && !/[kKMB]$/.test(text) ? Number(text.replaceAll('_', '')) : Number.NaN
  if (share > 0 && share <= 1) return { kind: 'ok', value: share }
  const meant = Number((Number(percent) / 100).toPrecision(12))
  return { kind: 'bad', expected, ...(meant > 0 && meant <= 1 ? { hint: `did you mean ${meant}?` } : {}) }
}

function suffixHint(text: string): { readonly hint?: string } {
  const match = /^(?<number>\d+(?:\.\d+)?)\s?(?<suffix>m|b|bn|million|billion)$/i.exec(text)
  const suffix = match?.groups?.['suffix']?.startsWith('m') === true ? 'M' : 'B'
  return match === null ? {} : { hint: `did you mean ${match.groups?.['number'] ?? ''}${suffix}?` }
}

/** `text * 10^digits` as an integer; `fraction` where that is none, undefined where the text is no decimal number. */
function scaled(text: string, digits: number): bigint | 'fraction' | undefined {
  const decimal = readDecimal(text)
  if (decimal === undefined) return undefined
  const shift = digits - decimal.scale
  if (shift >= 0) return decimal.digits * 10n ** BigInt(shift)
  const divisor = 10n ** BigInt(-shift)
  return decimal.digits % divisor === 0n ? decimal.digits / divisor : 'fraction'
}

function readDecimal(text: string): Decimal | undefined {
  const groups = DECIMAL.exec(text)?.groups
  if (groups === undefined) return undefined
  const { sign, whole = '', part = '', exponent = '0', suffix } = groups
  const zeros = suffix === undefined ? 0 : (SUFFIX_ZEROS[suffix] ?? 0)
  const digits = BigInt((whole + part).replaceAll('_', ''))
  return { digits: sign === '-' ? -digits : digits, scale: part.replaceAll('_', '').length - Number(exponent) - zeros }
}

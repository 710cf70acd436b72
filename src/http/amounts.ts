import type { Amount, Unit } from '../domain/amount.ts'
import type { Standing } from '../engine/ports.ts'

const NANO_PER_USD = 1e9

/** An amount as people and JSON read it: tokens and requests as they are, money in USD. */
export function displayAmount(unit: Unit, amount: Amount): number {
  return unit === 'usd' ? amount / NANO_PER_USD : amount
}

/** `12,345 tokens`, `3.20 USD`, `40 requests` */
export function formatAmount(unit: Unit, amount: Amount): string {
  const digits = unit === 'usd' ? { minimumFractionDigits: 2, maximumFractionDigits: 4 } : {}
  return `${displayAmount(unit, amount).toLocaleString('en-US', digits)} ${unit === 'usd' ? 'USD' : unit}`
}

/** An instant as JSON has it; null for the end of a period that never ends. */
export function isoOrNull(standing: Standing): string | null {
  return standing.period.kind === 'total' ? null : new Date(standing.period.endsAt).toISOString()
}

import { assert } from '../../domain/defect.ts'
import { LINE_BASES, LINE_PARTS, LINE_TIERS } from '../../domain/usage/price-lines.ts'
import type { PriceLineDay } from '../../engine/ports.ts'
import { ATTRIBUTES } from './rollups.ts'
import { integer, type Row, text } from './row.ts'
import type { Span } from './span-parts.ts'
import { query, type Steps } from './statement.ts'

const CALLER = ATTRIBUTES.slice(0, 4)
const LINES = `SELECT day, caller, ${CALLER.map((name) => `callers."${name}"`).join(', ')},
  price_lines.provider AS provider, price_lines.model AS model, part, basis, tier, above, unit_pico, share,
  quantity, cost_nano_usd, calls, estimated_calls
  FROM line_days JOIN price_lines ON price_lines.id = line_days.line JOIN callers ON callers.id = line_days.caller
  WHERE day >= ? AND day < ? ORDER BY day, caller, line`

/** The price lines of the UTC days that begin within the span, oldest first; a day's calls are all in them once none of an older version is left. */
export function* priceLines({ from, to }: Span): Steps<readonly PriceLineDay[]> {
  return (yield* query(LINES, from, to)).map((row) => ({
    day: integer(row, 'day'),
    caller: integer(row, 'caller'),
    team: text(row, 'team'),
    project: text(row, 'project'),
    user: text(row, 'user'),
    key: text(row, 'key'),
    provider: text(row, 'provider'),
    model: text(row, 'model'),
    part: known(LINE_PARTS, row, 'part'),
    basis: known(LINE_BASES, row, 'basis'),
    tier: known(LINE_TIERS, row, 'tier'),
    above: integer(row, 'above'),
    unitPico: integer(row, 'unit_pico'),
    share: text(row, 'share'),
    quantity: integer(row, 'quantity'),
    costNanoUsd: integer(row, 'cost_nano_usd'),
    calls: integer(row, 'calls'),
    estimatedCalls: integer(row, 'estimated_calls'),
  }))
}

function known<T extends string>(values: readonly T[], row: Row, column: string): T {
  const value = values.find((one) => one === row[column])
  assert(value !== undefined, `a stored ${column} is known`)
  return value
}

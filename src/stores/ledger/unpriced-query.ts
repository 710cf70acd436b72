import type { EpochMs } from '../../domain/instant.ts'
import type { UnpricedModel } from '../../engine/ports.ts'
import { CALLS_SINCE } from './older-calls.ts'
import { integer, text } from './row.ts'
import { query, type Steps } from './statement.ts'

const UNPRICED = `
SELECT provider, model, count(*) AS calls, sum(input + output) AS tokens
FROM ${CALLS_SINCE} WHERE price IS NULL AND cost_nano_usd = 0 AND usage_kind <> 'none'
GROUP BY provider, model ORDER BY tokens DESC, provider, model`

/** Models without a price among the calls that were admitted at `from` or later. */
export function* unpriced(from: EpochMs): Steps<readonly UnpricedModel[]> {
  return (yield* query(UNPRICED, from, from)).map((row) => ({
    provider: text(row, 'provider'),
    model: text(row, 'model'),
    calls: integer(row, 'calls'),
    tokens: integer(row, 'tokens'),
  }))
}

import type { EpochMs } from '../../domain/instant.ts'
import type { UnpricedModel } from '../../engine/ports.ts'
import { integer, text } from './row.ts'
import { query, type Steps } from './statement.ts'

const UNPRICED = `
SELECT provider, model, count(*) AS calls, sum(input + output) AS tokens
FROM calls WHERE ended_at >= ? AND price IS NULL AND cost_nano_usd = 0 AND usage_kind <> 'none'
GROUP BY provider, model ORDER BY tokens DESC, provider, model`

/** Models without a price among the calls that ended at `from` or later. */
export function* unpriced(from: EpochMs): Steps<readonly UnpricedModel[]> {
  return (yield* query(UNPRICED, from)).map((row) => ({
    provider: text(row, 'provider'),
    model: text(row, 'model'),
    calls: integer(row, 'calls'),
    tokens: integer(row, 'tokens'),
  }))
}

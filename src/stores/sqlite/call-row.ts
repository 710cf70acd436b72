import type { EndedCall, Hold } from '../../domain/call.ts'
import { marks } from './rollups.ts'

const COLUMNS =
  'id, admitted_at, ended_at, team, project, user, key, provider, model, tags, endpoint, ending, status, usage_kind, why, ' +
  'input, cached_input, cache_write, output, reasoning, cost_nano_usd, price, charges, overrun, ' +
  'held_input, held_output'

/** Adds a call's row; changes nothing where it is there already. */
export const ADD_CALL = `INSERT INTO calls (${COLUMNS}) VALUES (${marks(COLUMNS.split(', ').length)}) ON CONFLICT (id) DO NOTHING`

/**
 * The values for {@link ADD_CALL}.
 * @param charges JSON: [[account id, amount, how much of it went beyond the hold], ...]
 */
export function toCallRow(ended: EndedCall, hold: Hold, charges: string): (string | number | null)[] {
  const { call, usage, tokens } = ended
  const { team = '', project = '', user = '', key = '', provider, model, tags } = call.attributes
  const row: (string | number | null)[] = [call.id, call.admittedAt, ended.endedAt, team, project, user, key, provider, model]
  row.push(JSON.stringify(tags), call.endpoint, ended.ending, ended.status ?? null)
  row.push(usage.kind, usage.kind === 'estimated' ? usage.why : '')
  row.push(tokens.input, tokens.cachedInput, tokens.cacheWrite, tokens.output, tokens.reasoning, ended.costNanoUsd)
  row.push(call.price === undefined ? null : JSON.stringify(call.price), charges, ended.overrun)
  row.push(hold.input, hold.output)
  return row
}

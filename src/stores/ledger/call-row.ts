import type { Amount } from '../../domain/amount.ts'
import { CALL_FORM } from './older-calls.ts'
import type { End } from './open-calls.ts'
import { type Columns, insert, type Value } from './statement.ts'
import { rawText, usageText } from './usage-text.ts'

const COLUMNS: Columns = {
  id: 'text',
  caller: 'integer',
  admitted_at: 'integer',
  ended_at: 'integer',
  ending: 'text',
  status: 'integer',
  usage_kind: 'text',
  why: 'text',
  input: 'integer',
  cached_input: 'integer',
  cache_write: 'integer',
  output: 'integer',
  reasoning: 'integer',
  cost_nano_usd: 'integer',
  charges: 'text',
  overrun: 'integer',
  held_input: 'integer',
  held_output: 'integer',
  spared: 'integer',
  form: 'integer',
  usage: 'text',
  raw: 'text',
}

/** Adds calls; returns the ids of those that were not there already, and changes nothing of the others. */
export const ADD_CALLS = insert('ended_calls', COLUMNS, 'ON CONFLICT DO NOTHING', 'id')

/** What a call charged to an account: its id, the amount, and how much of that went beyond the hold. */
export type ChargeRow = readonly [account: number, amount: Amount, beyond: Amount]

/**
 * The values for {@link ADD_CALLS}.
 * @param caller the id of what it has in common with others
 */
export function toCallRow({ hold, settlement, tokens }: End, caller: number, charges: readonly ChargeRow[]): readonly Value[] {
  const { input, output } = tokens
  const { endedAt, ending, status, usage, costNanoUsd, overrun } = settlement
  const row: Value[] = [hold.call.id, caller, hold.call.admittedAt, endedAt, ending, status ?? null]
  row.push(usage.kind, usage.kind === 'estimated' ? usage.why : '')
  row.push(input.total, input.cached, input.cacheWrite, output.total, output.reasoning, costNanoUsd)
  row.push(jsonOf(charges), overrun, hold.input, hold.output, hold.isSpared ? 1 : 0, CALL_FORM, usageText(usage, tokens), rawText(usage))
  return row
}

/** Their JSON; they are all numbers. */
function jsonOf(charges: readonly ChargeRow[]): string {
  let json = ''
  for (const [id, amount, beyond] of charges) json += `${json === '' ? '' : ','}[${id},${amount},${beyond}]`
  return `[${json}]`
}

import { type Ending, ENDINGS } from '../../domain/call.ts'
import { assert } from '../../domain/defect.ts'
import { type CallId, toCallId } from '../../domain/ids.ts'
import type { Price } from '../../domain/usage/price.ts'
import type { RecordedCall } from '../../engine/ports.ts'
import { fromJson, hasFields, integer, type Row, text } from './row.ts'
import { query, type Steps } from './statement.ts'
import { usageOfRow } from './usage-text.ts'

const isPrice = hasFields<Price>('inputPico')

/** A call that ended, with all that is kept of it; undefined where there is none, or it was dropped. */
export function* call(id: CallId): Steps<RecordedCall | undefined> {
  const [row] = yield* query('SELECT * FROM calls WHERE id = ?', id)
  if (row === undefined) return undefined
  const { status, price } = row
  return {
    id: toCallId(text(row, 'id')),
    admittedAt: integer(row, 'admitted_at'),
    endedAt: integer(row, 'ended_at'),
    endpoint: text(row, 'endpoint'),
    provider: text(row, 'provider'),
    model: text(row, 'model'),
    ...(typeof price === 'string' ? { price: fromJson(price, isPrice) } : {}),
    ending: endingOf(row),
    ...(typeof status === 'number' ? { status } : {}),
    usage: usageOfRow(row),
    costNanoUsd: integer(row, 'cost_nano_usd'),
    overrun: integer(row, 'overrun'),
  }
}

function endingOf(row: Row): Ending {
  const ending = ENDINGS.find((known) => known === row['ending'])
  assert(ending !== undefined, 'a stored ending is known')
  return ending
}

import { assert } from '../../domain/defect.ts'
import { toCallId } from '../../domain/ids.ts'
import type { LedgerRecord } from '../../domain/record.ts'
import { textOfRecord, recordOfText } from '../sqlite/record-line.ts'
import { toHold } from './hold-text.ts'
import type { RedisReply } from './redis-client.ts'

/** The text of a record that no script decides anything of. */
export function toEntryText(record: LedgerRecord): string {
  return textOfRecord(record)
}

/** An entry of the stream with its id. */
export interface StreamEntry {
  readonly id: string
  readonly record: LedgerRecord
}

/** @throws Failure store_unavailable where a newer Bursar wrote it */
export function fromEntry(entry: RedisReply): StreamEntry {
  assert(Array.isArray(entry) && typeof entry[0] === 'string' && Array.isArray(entry[1]), 'a stream has entries')
  const fields = new Map<string, string>()
  for (let i = 0; i < entry[1].length; i += 2) fields.set(String(entry[1][i]), String(entry[1][i + 1]))
  return { id: entry[0], record: recordOf(fields) }
}

/**
 * What the scripts write: `h` a hold; `e` a settlement; `r` a raised call, `o` its output, `c` its
 * cost, `m` its amounts; `l` any other record's text.
 */
function recordOf(fields: ReadonlyMap<string, string>): LedgerRecord {
  const field = (name: string) => fields.get(name) ?? ''
  if (fields.has('h')) return { kind: 'held', hold: toHold(field('h')) }
  if (fields.has('r')) {
    const amounts = field('m') === '' ? [] : field('m').split(',').map(Number)
    return { kind: 'raised', call: toCallId(field('r')), output: Number(field('o')), costNanoUsd: Number(field('c')), amounts }
  }
  return recordOfText(fields.has('e') ? field('e') : field('l'))
}

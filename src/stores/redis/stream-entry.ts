import { toCallId } from '../../domain/ids.ts'
import type { LedgerRecord } from '../../domain/record.ts'
import { fromText, toText } from '../ledger/record-text.ts'
import { fromCallsText } from './calls-text.ts'
import { type AlertFacts, alertsOfCrossings } from './crossing-alerts.ts'
import { toHold } from './hold-text.ts'
import type { RedisReply } from './redis-client.ts'

/** The text of a record that no script decides anything of. */
export function toEntryText(record: LedgerRecord): string {
  return toText([record])
}

/** @throws Failure store_unavailable where a newer Bursar wrote it */
export async function fromEntry(entry: RedisReply, facts: AlertFacts): Promise<readonly LedgerRecord[]> {
  const fields = new Map<string, string>()
  const [, values]: readonly RedisReply[] = Array.isArray(entry) ? entry : []
  if (Array.isArray(values)) for (let i = 0; i < values.length; i += 2) fields.set(String(values[i]), String(values[i + 1]))
  return recordsOf(fields, facts)
}

/** Where the entry stands. */
export function idOfEntry(entry: RedisReply | undefined): string | undefined {
  return Array.isArray(entry) && typeof entry[0] === 'string' ? entry[0] : undefined
}

/**
 * What the scripts write: `h` a hold; `e` a settlement, with the crossings `x` of what it crossed; `x` alone what was crossed
 * otherwise, at the instant `t`; `b` calls that were decided by a process (see calls-text.ts); `r` a raised call, `o` its output, `c` its cost, `m` its amounts; `l` any other record's text.
 */
async function recordsOf(fields: ReadonlyMap<string, string>, facts: AlertFacts): Promise<readonly LedgerRecord[]> {
  const field = (name: string) => fields.get(name) ?? ''
  if (fields.has('h')) return [{ kind: 'held', hold: toHold(field('h')) }]
  if (fields.has('e')) return await endedOf(fromText(field('e')), field('x'), facts)
  if (fields.has('b')) return await endedOf(leasedRecords(field('b')), field('x'), facts)
  if (fields.has('x')) return (await alertsOfCrossings(field('x'), Number(field('t')), facts)).map((alert) => ({ kind: 'alerted', alert }))
  if (!fields.has('r')) return fromText(field('l'))
  const amounts = field('m') === '' ? [] : field('m').split(',').map(Number)
  return [{ kind: 'raised', call: toCallId(field('r')), output: Number(field('o')), costNanoUsd: Number(field('c')), amounts }]
}

/** The crossings of calls are of the sum of all of them: they stand with the last. */
async function endedOf(records: readonly LedgerRecord[], crossings: string, facts: AlertFacts): Promise<readonly LedgerRecord[]> {
  const last = records.at(-1)
  if (crossings === '' || last?.kind !== 'ended') return records
  return [...records.slice(0, -1), { ...last, alerts: await alertsOfCrossings(crossings, last.settlement.endedAt, facts) }]
}

function leasedRecords(text: string): readonly LedgerRecord[] {
  return fromCallsText(text).flatMap(({ hold, settlement }): readonly LedgerRecord[] => [
    { kind: 'held', hold },
    { kind: 'ended', settlement, alerts: [] },
  ])
}

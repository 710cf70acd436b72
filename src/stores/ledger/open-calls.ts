import { type Hold, oldestFirst, type OpenHold, type Settlement } from '../../domain/call.ts'
import type { CallId } from '../../domain/ids.ts'
import type { EpochMs } from '../../domain/instant.ts'
import type { LedgerRecord } from '../../domain/record.ts'
import { type ChargedTokens, chargedTokens } from '../../domain/usage/usage.ts'
import { CallMap } from '../../engine/call-map.ts'
import { fromJson, hasFields, integer, type Row, text } from './row.ts'
import { type Bulk, bulk, insert, type Steps } from './statement.ts'

const TAKE_HOLDS: Bulk = {
  sql: 'DELETE FROM holds WHERE call IN (SELECT call FROM GIVEN) RETURNING call, expires_at, record',
  columns: { call: 'text' },
}
const RENEW_HOLDS: Bulk = {
  sql: 'UPDATE holds SET expires_at = given.expires_at FROM GIVEN WHERE holds.call = given.call',
  columns: { call: 'text', expires_at: 'integer' },
}
const ADD_HOLDS = insert(
  'holds',
  { call: 'text', expires_at: 'integer', record: 'text' },
  'ON CONFLICT (call) DO UPDATE SET expires_at = excluded.expires_at, record = excluded.record',
)

type InFlight = Extract<LedgerRecord, { kind: 'held' | 'renewed' | 'deferred' | 'raised' }>

/** True for what is about a call in flight, but for its end. */
export function isInFlight(record: LedgerRecord): record is InFlight {
  return record.kind === 'held' || record.kind === 'renewed' || record.kind === 'deferred' || record.kind === 'raised'
}

const isHold = hasFields<OpenHold>('call', 'charges', 'expiresAt')

/** A hold as its row has it; its time may have been moved since it was written. */
export function toHold(row: Row): OpenHold {
  return { ...fromJson(text(row, 'record'), isHold), expiresAt: integer(row, 'expires_at') }
}

/** A call that a batch ends, next to what it had held. */
export interface End {
  readonly hold: Hold
  readonly settlement: Settlement
  readonly tokens: ChargedTokens
}

/** A record with its place in the batch. */
type Numbered = readonly [nr: number, record: LedgerRecord]

/** What becomes of the calls in flight in one batch. A hold that begins and ends in it never reaches the table. */
export class OpenCalls {
  readonly #holds = new CallMap<OpenHold>()
  /** Taken out of the table, since this batch ends or changes them. */
  readonly #taken = new CallMap<OpenHold>()
  readonly #renewed = new Map<CallId, EpochMs>()
  readonly #ends: (End | undefined)[]

  private constructor(records: readonly LedgerRecord[]) {
    this.#ends = records.map(() => undefined)
  }

  /** Follows the records from first to last. */
  static *follow(records: readonly LedgerRecord[]): Steps<OpenCalls> {
    const calls = new OpenCalls(records)
    const ofEarlier = calls.#followOwn(records)
    const taken = [...ofEarlier].filter(([, ofCall]) => ofCall.some(([, record]) => isOfHold(record)))
    const rows = yield* bulk(
      TAKE_HOLDS,
      taken.map(([call]) => [call]),
    )
    for (const hold of rows.map(toHold)) calls.#taken.set(hold.call.id, hold)
    for (const [, ofCall] of ofEarlier) for (const [nr, record] of ofCall) calls.#apply(record, nr)
    return calls
  }

  /** Follows the calls that begin in this batch. @returns by call, what is about those that began before: the table has their holds */
  #followOwn(records: readonly LedgerRecord[]): CallMap<Numbered[]> {
    const ofEarlier = new CallMap<Numbered[]>()
    for (const [nr, record] of records.entries()) {
      const call = calledIn(record)
      if (call === undefined) continue
      const before = ofEarlier.size === 0 ? undefined : ofEarlier.get(call)
      if (before !== undefined) before.push([nr, record])
      else if (record.kind === 'held' || this.#holds.has(call)) this.#apply(record, nr)
      else ofEarlier.set(call, [[nr, record]])
    }
    return ofEarlier
  }

  /** By record, the call that it ends; undefined where it ends none, or one that ended before this batch: then there is nothing left to do. */
  get ends(): readonly (End | undefined)[] {
    return this.#ends
  }

  *write(): Steps<void> {
    yield* bulk(RENEW_HOLDS, [...this.#renewed])
    const rows = oldestFirst([...this.#holds].map(([, hold]) => hold)).map((hold) => [hold.call.id, hold.expiresAt, JSON.stringify(hold)])
    yield* bulk(ADD_HOLDS, rows)
  }

  #apply(record: LedgerRecord, nr: number): void {
    if (record.kind === 'held') this.#holds.set(record.hold.call.id, record.hold)
    else if (record.kind === 'ended') this.#ends[nr] = this.#end(record.settlement)
    else if (record.kind === 'renewed') this.#renew(record.call, record.expiresAt)
    else if (record.kind === 'deferred') this.#change(record.call, { job: record.job, expiresAt: record.expiresAt })
    else if (record.kind === 'raised') this.#raise(record)
  }

  #end(settlement: Settlement): End | undefined {
    const hold = this.#take(settlement.call)
    return hold === undefined ? undefined : { hold, settlement, tokens: chargedTokens(settlement.usage) }
  }

  #renew(call: CallId, expiresAt: EpochMs): void {
    const holds = this.#holds.has(call) ? this.#holds : this.#taken
    const hold = holds.get(call)
    if (hold === undefined) this.#renewed.set(call, expiresAt)
    else holds.set(call, { ...hold, expiresAt })
  }

  #raise({ call, output, costNanoUsd, amounts }: Extract<LedgerRecord, { kind: 'raised' }>): void {
    const charges = (this.#holds.get(call) ?? this.#taken.get(call))?.charges ?? []
    this.#change(call, {
      output,
      costNanoUsd,
      charges: charges.map(({ account, amount }, i) => ({ account, amount: amounts[i] ?? amount })),
    })
  }

  #change(call: CallId, change: Partial<OpenHold>): void {
    const hold = this.#take(call)
    if (hold !== undefined) this.#holds.set(call, { ...hold, ...change })
  }

  #take(call: CallId): OpenHold | undefined {
    return this.#holds.take(call) ?? this.#taken.take(call)
  }
}

/** The call in flight that a record is about. */
function calledIn(record: LedgerRecord): CallId | undefined {
  if (record.kind === 'held') return record.hold.call.id
  if (record.kind === 'ended') return record.settlement.call
  return isInFlight(record) ? record.call : undefined
}

/** True for what ends or changes a hold, so that it has to be there. */
function isOfHold({ kind }: LedgerRecord): boolean {
  return kind === 'ended' || kind === 'deferred' || kind === 'raised'
}

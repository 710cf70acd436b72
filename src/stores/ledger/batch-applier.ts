import type { AccountKey, CallId } from '../../domain/ids.ts'
import type { AuditEntry, Distrust, KeptObject, LedgerRecord } from '../../domain/record.ts'
import { AccountChanges, openAccounts } from './account-changes.ts'
import { AccountIds } from './account-ids.ts'
import { AlertChanges } from './alert-changes.ts'
import { ADD_CALLS, type ChargeRow, toCallRow } from './call-row.ts'
import { Callers } from './callers.ts'
import type { Dialect } from './dialect.ts'
import { addCallLines } from './call-lines.ts'
import { LineIds } from './line-ids.ts'
import { putDistrusts } from './distrusts.ts'
import { addObjects } from './kept-objects.ts'
import { LiveSums } from './live-sums.ts'
import { type End, isInFlight, OpenCalls } from './open-calls.ts'
import { PriceLineSums } from './price-line-sums.ts'
import { Rollups } from './rollups.ts'
import { text } from './row.ts'
import { bulk, insert, type Steps } from './statement.ts'

const ADD_AUDIT = insert(
  'audit',
  { id: 'text', at: 'integer', actor: 'text', action: 'text', target: 'text', reason: 'text', before: 'text', after: 'text' },
  'ON CONFLICT DO NOTHING',
)
const PUT = 'ON CONFLICT (id) DO UPDATE SET record = excluded.record'
const PUT_BUDGETS = insert('budgets', { id: 'text', record: 'text' }, PUT)
const PUT_KEYS = insert('keys', { id: 'text', record: 'text' }, PUT)

/** What a batch changes beside the calls in flight. */
interface Changes {
  readonly accounts: AccountChanges
  readonly alerts: AlertChanges
  readonly live: LiveSums
  readonly lines: PriceLineSums
  readonly budgets: Map<string, string>
  readonly keys: Map<string, string>
  readonly audit: AuditEntry[]
  readonly objects: KeptObject[]
  readonly distrusts: Distrust[]
}

/** A call that a batch ends, with what it charges. */
interface ChargedEnd {
  readonly end: End
  readonly charges: readonly ChargeRow[]
  /** The id of what it has in common with others. */
  readonly caller: number
}

type IsAdded = (call: CallId) => boolean

/**
 * Applies records to the ledger's tables, within a transaction of the caller's. Each batch is read, worked out in memory from its
 * first record to its last, and written with a statement for each table: so what a call costs does not depend on the distance
 * to the database.
 */
export class BatchApplier {
  readonly #ids = new AccountIds()
  readonly #callers: Callers
  readonly #dialect: Dialect
  readonly #rollups: Rollups
  readonly #lineIds: LineIds

  constructor(dialect: Dialect) {
    this.#dialect = dialect
    this.#callers = new Callers(dialect)
    this.#rollups = new Rollups(dialect)
    this.#lineIds = new LineIds(dialect)
  }

  /** @returns how many alerts are new */
  *apply(records: readonly LedgerRecord[]): Steps<number> {
    yield* openAccounts(records.filter((record) => record.kind === 'opened'))
    const calls = yield* OpenCalls.follow(records)
    const ends = calls.ends.filter((end) => end !== undefined)
    yield* this.#ids.learn(accountsOf(records, ends))
    yield* this.#callers.learn(ends.map(({ hold }) => hold.call))
    const charged = calls.ends.map((end) => (end === undefined ? undefined : this.#charged(end)))
    const isAdded = yield* this.#addCalls(charged.filter((end) => end !== undefined))
    const closes = records.flatMap((record) => (record.kind === 'closed' ? [record.close] : []))
    const changes: Changes = {
      accounts: yield* AccountChanges.begin(this.#ids, closes),
      alerts: new AlertChanges(),
      live: new LiveSums(),
      lines: new PriceLineSums(),
      budgets: new Map(),
      keys: new Map(),
      audit: [],
      objects: [],
      distrusts: [],
    }
    for (const [nr, record] of records.entries()) {
      if (record.kind === 'ended') applyEnd(record, charged[nr], { isAdded, changes })
      else if (!isInFlight(record)) applySeldom(record, changes)
    }
    yield* calls.write()
    return yield* this.#write(changes)
  }

  /** After a transaction that was rolled back. */
  forget(): void {
    this.#ids.forget()
    this.#callers.forget()
    this.#rollups.forget()
    this.#lineIds.forget()
  }

  #charged(end: End): ChargedEnd {
    const { hold, settlement } = end
    const charges = hold.charges.map(({ account, amount: held }, i): ChargeRow => {
      const amount = settlement.amounts[i] ?? 0
      return [this.#ids.of(account), amount, Math.max(0, amount - held)]
    })
    return { end, charges, caller: this.#callers.idOf(hold.call) }
  }

  /** @returns what is true, once, of each that was not there already */
  *#addCalls(ends: readonly ChargedEnd[]): Steps<IsAdded> {
    yield* this.#dialect.makeRoom(ends.map(({ end }) => end.hold.call.admittedAt))
    const calls = ends.map(({ end, caller, charges }) => toCallRow(end, caller, charges))
    const rows = calls.length === 0 ? [] : yield* this.#dialect.indexAdded(() => bulk(ADD_CALLS, calls))
    if (rows.length === ends.length) return () => true
    const added = new Set(rows.map((row) => text(row, 'id')))
    return (call) => added.delete(call)
  }

  *#write({ accounts, alerts, live, lines, budgets, keys, audit, objects, distrusts }: Changes): Steps<number> {
    yield* accounts.write()
    yield* lines.write(this.#lineIds)
    yield* this.#rollups.moveSome(yield* live.write(), live.newestHour)
    yield* bulk(PUT_BUDGETS, [...budgets])
    yield* bulk(PUT_KEYS, [...keys])
    const entries = audit.map(({ id, at, actor, action, target, reason, before, after }) => {
      return [id, at, actor, action, target, reason, before, after]
    })
    yield* bulk(ADD_AUDIT, entries)
    yield* addObjects(objects)
    yield* putDistrusts(distrusts)
    return yield* alerts.write()
  }
}

function accountsOf(records: readonly LedgerRecord[], ends: readonly End[]): readonly AccountKey[] {
  const keys: AccountKey[] = []
  for (const { hold } of ends) for (const { account } of hold.charges) keys.push(account)
  for (const record of records) {
    if (record.kind === 'cut') keys.push(record.account)
    if (record.kind === 'closed') keys.push(record.close.account)
  }
  return keys
}

/** @param charged undefined where the call ended before, as it is where another record of its end was applied */
function applyEnd(
  { settlement, alerts }: Extract<LedgerRecord, { kind: 'ended' }>,
  charged: ChargedEnd | undefined,
  { isAdded, changes }: { readonly isAdded: IsAdded; readonly changes: Changes },
): void {
  if (charged === undefined || !isAdded(settlement.call)) return
  changes.accounts.charge(charged.charges)
  changes.live.add(charged.caller, charged.end)
  addCallLines(changes.lines, charged.caller, charged.end)
  changes.alerts.add(alerts)
}

type Seldom = Exclude<LedgerRecord, { kind: 'ended' | 'held' | 'renewed' | 'deferred' | 'raised' }>

/** What is not part of every call. */
function applySeldom(record: Seldom, { accounts, alerts, budgets, keys, audit, objects, distrusts }: Changes): void {
  switch (record.kind) {
    case 'opened':
      return
    case 'alerted':
      return alerts.add([record.alert])
    case 'cut':
      return accounts.cut(record.account, record.endsAt)
    case 'closed':
      audit.push(...accounts.close(record.close))
      return
    case 'revised':
      budgets.set(record.budget.id, JSON.stringify(record.budget))
      return
    case 'key':
      keys.set(record.key.id, JSON.stringify(record.key))
      return
    case 'objects':
      objects.push(...record.objects)
      return
    case 'distrust':
      distrusts.push(record.distrust)
      return
    case 'delivery':
      return alerts.tried(record.attempt)
    case 'audit':
      audit.push(record.entry)
  }
}

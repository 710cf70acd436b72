import type { Budget } from '../../domain/budgets/budget.ts'
import type { BudgetId, CallId } from '../../domain/ids.ts'
import type { LedgerRecord } from '../../domain/record.ts'
import { Failure } from '../../engine/failure.ts'
import type { Clock, OpenState } from '../../engine/ports.ts'
import { isThrownByRecord } from '../ledger/set-aside.ts'
import type { StreamApplier, StreamBatch, StreamPosition, Unread } from '../stream-applier.ts'
import type { KeyNames } from './key-names.ts'
import type { RedisClient, RedisReply } from './redis-client.ts'
import { READ, TRIM } from './script.ts'
import { fromEntry, idOfEntry } from './stream-entry.ts'
import type { Turn } from './turn.ts'
import { isAfter } from './unconfirmed.ts'

export interface DrainDeps {
  /** A connection of its own: a large reply must not stand in a call's way. */
  readonly client: RedisClient
  readonly names: KeyNames
  readonly clock: Clock
  readonly applier: StreamApplier
  /** One process drains at a time; where two do, the ledger lets one of them apply each batch. */
  readonly turn: Turn
  /** What the ledger has, as far as it is. */
  readonly openState: () => Promise<Pick<OpenState, 'budgets'>>
  readonly channelNames: readonly string[]
  readonly onAlerts: () => void
  readonly onTrouble: (message: string) => void
}

/** A stream that the ledger is to follow, and the one that it follows until then. */
export interface NextStream {
  readonly epoch: string
  readonly after: string
}

const BATCH = 2000
/** Some ten thousand calls: what Redis sends, and a transaction takes, in a fraction of the time after which it counts as lost. */
const BATCH_BYTES = 4_000_000
const PAUSE_MS = 50
const OTHERS_MS = 1000
const RETRY_MAX_MS = 5000

/**
 * Brings the stream into the ledger, in order. The ledger itself knows how far it is, so it does not matter which process
 * drains, how many do, or when one dies. (Consumer groups would hand entries to several processes at once, out of order.)
 */
export class Drain {
  readonly #deps: DrainDeps
  #position: StreamPosition | undefined
  #cancel: () => void = () => undefined
  #isStopped = false
  #working: Promise<void> = Promise.resolve()
  #retryMs = PAUSE_MS
  #trouble: string | undefined

  constructor(deps: DrainDeps) {
    this.#deps = deps
  }

  start(): void {
    this.#later(0)
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    this.#cancel()
    await this.#working
  }

  /** What keeps the ledger from following; undefined: nothing. */
  trouble(): string | undefined {
    return this.#trouble
  }

  /**
   * Resolves once the ledger has all that the stream had when it was called.
   * @param from `start`: also what the ledger should have, of a stream whose end was lost
   * @throws Failure store_unavailable
   */
  async catchUp(from: 'position' | 'start' = 'position'): Promise<void> {
    if (from === 'start') while ((await this.#apply('start')) === 'moved');
    while ((await this.#apply('position')) !== 'nothing');
  }

  /**
   * Takes in what is left of the stream, and lets the ledger go on in another one. A batch that some process read before, and that
   * a slow ledger would take in only later, comes too late from here on: what the ledger has now is all that it ever had of it.
   * @throws Failure store_unavailable: also where the ledger follows another stream than `after`, which another process began
   */
  async beginStream({ epoch, after }: NextStream): Promise<void> {
    const next = { epoch, id: '0-0' }
    for (;;) {
      await this.catchUp('start')
      const from = await this.#deps.applier.position()
      if (from.epoch !== after) throw new Failure('store_unavailable', 'another process makes the counters again from the ledger')
      if ((await this.#take({ records: [], from, next })) === 'applied') return
    }
  }

  /** Which of these calls the ledger has, once it has caught up. */
  async known(calls: readonly CallId[]): Promise<ReadonlyMap<CallId, 'held' | 'ended'>> {
    await this.catchUp()
    return this.#deps.applier.known(calls)
  }

  #later(delayMs: number): void {
    if (this.#isStopped) return
    this.#cancel = this.#deps.clock.after(delayMs, () => {
      this.#working = this.#work()
    })
  }

  async #work(): Promise<void> {
    try {
      const isMine = await this.#deps.turn.isMine()
      if (isMine) while (!this.#isStopped && (await this.#apply('position')) !== 'nothing');
      this.#trouble = undefined
      this.#retryMs = PAUSE_MS
      this.#later(isMine ? PAUSE_MS : OTHERS_MS)
    } catch (error) {
      this.#fail(error)
    }
  }

  #fail(error: unknown): void {
    const message = `the ledger does not follow the stream: ${error instanceof Error ? error.message : String(error)}`
    if (message !== this.#trouble) this.#deps.onTrouble(message)
    this.#trouble = message
    this.#position = undefined
    this.#later(this.#retryMs)
    this.#retryMs = Math.min(this.#retryMs * 2, RETRY_MAX_MS)
  }

  /** Applies a batch. `moved`: another process was first, so nothing was applied. */
  async #apply(start: 'position' | 'start'): Promise<'applied' | 'moved' | 'nothing'> {
    const { client, names, applier } = this.#deps
    const from = (this.#position ??= await applier.position())
    const place = start === 'start' ? ['', ''] : [from.epoch, from.id]
    const reply = await client.run(READ, [names.about, names.stream], [...place, BATCH, BATCH_BYTES])
    const [epoch, rows] = Array.isArray(reply) ? reply : []
    if (typeof epoch !== 'string' || !Array.isArray(rows)) throw new Failure('store_unavailable', 'the stream can not be read')
    const id = idOfEntry(rows.at(-1))
    if (id === undefined) return 'nothing'
    // A store that lost its end may be back in a stream that another one followed: it will be made anew.
    const isBehind = ageOfStream(epoch) < ageOfStream(from.epoch)
    if (isBehind && start === 'position') return 'nothing'
    const unread: Unread[] = []
    const isOld = (row: RedisReply) => isBehind || (epoch === from.epoch && !isAfter(idOfEntry(row) ?? '', from.id))
    const records = await this.#newRecords(rows, isOld, unread)
    const taken = await this.#take({ records, unread, from, next: isBehind ? from : { epoch, id } })
    // The stream keeps what the ledger has only as long as it must.
    if (taken === 'applied' && !isBehind) await client.run(TRIM, [names.about, names.stream], [epoch, id])
    return taken
  }

  async #newRecords(rows: readonly RedisReply[], isOld: (row: RedisReply) => boolean, unread: Unread[]): Promise<readonly LedgerRecord[]> {
    // What of them can't be read was set aside when they were new.
    const old = await this.#missing(await this.#recordsOf(rows.filter(isOld), []))
    return [
      ...old,
      ...(await this.#recordsOf(
        rows.filter((row) => !isOld(row)),
        unread,
      )),
    ]
  }

  async #take(batch: StreamBatch): Promise<'applied' | 'moved'> {
    const { next } = batch
    const alerts = await this.#deps.applier.apply(batch)
    this.#position = alerts === undefined ? undefined : next
    if (alerts === undefined) return 'moved'
    if (alerts > 0) this.#deps.onAlerts()
    return 'applied'
  }

  /**
   * What the ledger lacks of records that stand before its place: those of another end of the stream than the one that was lost.
   * What it has must not be applied again: it would undo later edits, and open calls that have ended.
   */
  async #missing(records: readonly LedgerRecord[]): Promise<readonly LedgerRecord[]> {
    if (records.length === 0) return []
    const known = await this.#deps.applier.known(records.flatMap((record) => callOf(record) ?? []))
    return records.filter((record) => {
      if (record.kind === 'revised' || record.kind === 'key' || record.kind === 'delivery') return false
      const call = callOf(record)
      const state = call === undefined ? undefined : known.get(call)
      return state === undefined || (state === 'held' && record.kind === 'ended')
    })
  }

  /** An alert says what its budget was at its place in the stream: as the ledger has it, or as it was revised since. */
  async #recordsOf(rows: readonly RedisReply[], unread: Unread[]): Promise<readonly LedgerRecord[]> {
    const records: LedgerRecord[] = []
    const revised = new Map<BudgetId, Budget>()
    const budgetOf = async (id: BudgetId): Promise<Budget | undefined> =>
      revised.get(id) ?? (await this.#deps.openState()).budgets.find((budget) => budget.id === id)
    for (const row of rows) {
      const ofRow = await fromEntry(row, { budgetOf, channelNames: this.#deps.channelNames }).catch((error: unknown) => {
        if (!isThrownByRecord(error)) throw error
        unread.push({ reason: String(error), text: JSON.stringify(row) })
        return []
      })
      for (const record of ofRow) {
        if (record.kind === 'revised') revised.set(record.budget.id, record.budget)
        records.push(record)
      }
    }
    return records
  }
}

/** Streams follow one another by their number. */
export function ageOfStream(epoch: string): number {
  return Number(epoch.slice(epoch.lastIndexOf('-') + 1))
}

function callOf(record: LedgerRecord): CallId | undefined {
  if (record.kind === 'held') return record.hold.call.id
  if (record.kind === 'ended') return record.settlement.call
  return 'call' in record ? record.call : undefined
}

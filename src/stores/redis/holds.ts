import type { Hold, OpenHold } from '../../domain/call.ts'
import { type CallId, toCallId } from '../../domain/ids.ts'
import type { EpochMs } from '../../domain/instant.ts'
import { fromStored, type StoredHold, toHold } from './hold-text.ts'
import type { KeyNames } from './key-names.ts'
import { pairsOf, type RedisReply } from './redis-client.ts'
import type { Session } from './session.ts'

/** A hold, and how it is stored. */
export interface KnownHold {
  readonly hold: Hold
  readonly stored: StoredHold
}

const SCANNED_AT_ONCE = 200

/** The holds in Redis, of all processes. */
export class RedisHolds {
  readonly #session: Session
  readonly #names: KeyNames
  #scanned = '0'

  constructor({ session, names }: { readonly session: Session; readonly names: KeyNames }) {
    this.#session = session
    this.#names = names
  }

  async all(): Promise<readonly OpenHold[]> {
    const [stored, jobs] = await Promise.all([
      this.#session.ask('HGETALL', this.#names.holds).then(pairsOf),
      this.#session.ask('HGETALL', this.#names.jobs).then(pairsOf),
    ])
    return [...stored].map(([call, text]): OpenHold => {
      const job = jobs.get(call)
      return job === undefined ? toHold(text) : { ...toHold(text), job }
    })
  }

  async find(call: CallId): Promise<KnownHold | undefined> {
    const text = await this.#session.ask('HGET', this.#names.holds, call)
    return typeof text === 'string' ? { stored: fromStored(text), hold: toHold(text) } : undefined
  }

  /** Looks at some of the holds each time, so that many in flight cost no more; all have their turn. */
  async expired(at: EpochMs): Promise<readonly CallId[]> {
    const reply = await this.#session.ask('HSCAN', this.#names.holds, this.#scanned, 'COUNT', SCANNED_AT_ONCE)
    const [cursor, pairs]: readonly RedisReply[] = Array.isArray(reply) ? reply : []
    this.#scanned = String(cursor ?? 0)
    return [...pairsOf(pairs ?? [])].filter(([, text]) => fromStored(text).expiresAt <= at).map(([call]) => toCallId(call))
  }
}

/** Ids sort by time too: what was admitted in one millisecond keeps its order. */
export function oldestFirst(holds: readonly OpenHold[]): readonly OpenHold[] {
  return holds.toSorted((a, b) => a.call.admittedAt - b.call.admittedAt || (a.call.id < b.call.id ? -1 : 1))
}

import type { Hold, OpenHold } from '../../domain/call.ts'
import { type CallId, toCallId } from '../../domain/ids.ts'
import type { EpochMs } from '../../domain/instant.ts'
import { fromStored, type StoredHold, toHold } from './hold-text.ts'
import type { KeyNames } from './key-names.ts'
import { pairsOf, type RedisReply } from './redis-client.ts'
import type { Session } from './session.ts'
import { Sightings } from './sightings.ts'

/** A hold, and how it is stored. */
export interface KnownHold {
  readonly hold: Hold
  readonly stored: StoredHold
}

const SCANNED_AT_ONCE = 200

export interface HoldsDeps {
  readonly session: Pick<Session, 'ask'>
  readonly names: KeyNames
  /** For how long a hold stands that is not renewed. */
  readonly holdTtlMs: number
  /** Milliseconds that never jump. */
  readonly monotonic: () => number
}

/** The holds in Redis, of all processes. */
export class RedisHolds {
  readonly #session: HoldsDeps['session']
  readonly #names: KeyNames
  readonly #holdTtlMs: number
  readonly #sightings: Sightings
  #scanned = '0'

  constructor({ session, names, holdTtlMs, monotonic }: HoldsDeps) {
    this.#session = session
    this.#names = names
    this.#holdTtlMs = holdTtlMs
    this.#sightings = new Sightings(monotonic)
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

  /**
   * Looks at some of the holds each time, so that many in flight cost no more; all have their turn. One has expired if its
   * instant has come, and this process has seen it not renewed for as long as a hold stands: see {@link Sightings}.
   */
  async expired(at: EpochMs): Promise<readonly CallId[]> {
    const reply = await this.#session.ask('HSCAN', this.#names.holds, this.#scanned, 'COUNT', SCANNED_AT_ONCE)
    const [cursor, pairs]: readonly RedisReply[] = Array.isArray(reply) ? reply : []
    this.#scanned = String(cursor ?? 0)
    const expired = [...pairsOf(pairs ?? [])].filter(([call, text]) => this.#hasExpired(call, fromStored(text).expiresAt, at))
    if (this.#scanned === '0') this.#sightings.forgetOthers()
    return expired.map(([call]) => toCallId(call))
  }

  #hasExpired(call: string, expiresAt: EpochMs, at: EpochMs): boolean {
    const seenMs = this.#sightings.see(call, String(expiresAt))
    return expiresAt <= at && seenMs >= this.#holdTtlMs
  }
}

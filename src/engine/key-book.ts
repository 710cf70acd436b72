import { hash } from 'node:crypto'
import type { EpochMs } from '../domain/instant.ts'
import type { KeyRow } from '../domain/record.ts'
import { globs } from './glob.ts'

/** A virtual key in use. */
export interface Key {
  readonly row: KeyRow
  readonly allowsModel: (model: string) => boolean
  /** @param name `team`, `project`, `user` or `tag.NAME` */
  readonly allowsAttribute: (name: string) => boolean
}

const RECENT_MAX = 10_000

/** The keys by the hash of their secret, which is all that is ever stored of it. */
export class KeyBook {
  readonly #byHash = new Map<string, Key>()
  /** Keys found lately, by their secret: hashing it costs more than all other look-ups of a call. In memory only. */
  readonly #bySecret = new Map<string, Key>()
  /** Ids of keys that are refused here though their revocation could not be written. */
  readonly #suspended = new Set<string>()

  constructor(rows: readonly KeyRow[]) {
    for (const row of rows) this.set(row)
  }

  /** Takes the keys over as another process changed them; those of the config file stay. */
  load(rows: readonly KeyRow[], isKept: (row: KeyRow) => boolean): void {
    for (const { hash, row } of [...this.#byHash].map(([hash, { row }]) => ({ hash, row }))) if (!isKept(row)) this.forget(hash)
    for (const row of rows) this.set(row)
  }

  /** Adds a key, or replaces the one with that hash. */
  set(row: KeyRow): void {
    this.#bySecret.clear()
    this.#byHash.set(row.hash, {
      row,
      allowsModel: globs(row.models),
      allowsAttribute: row.allow.length === 0 ? () => false : globs(row.allow),
    })
  }

  /** A secret that was replaced is good no more. */
  forget(hash: string): void {
    this.#bySecret.clear()
    this.#byHash.delete(hash)
  }

  /** Refuses a key in this process until its revocation is written. @param id the row's */
  suspend(id: string): void {
    this.#suspended.add(id)
  }

  /** The key with this secret, or undefined where none is good at `now`: unknown, revoked or expired. */
  find(secret: string, now: EpochMs): Key | undefined {
    const key = this.#bySecret.get(secret) ?? this.#look(secret)
    if (key === undefined) return undefined
    const { id, revokedAt, expiresAt = Infinity } = key.row
    // A clock that was set back does not make a revoked key good again.
    return revokedAt === undefined && now < expiresAt && !this.#suspended.has(id) ? key : undefined
  }

  #look(secret: string): Key | undefined {
    const key = this.#byHash.get(hashSecret(secret))
    if (key === undefined) return undefined
    if (this.#bySecret.size >= RECENT_MAX) this.#bySecret.clear()
    this.#bySecret.set(secret, key)
    return key
  }

  all(): readonly KeyRow[] {
    return [...this.#byHash.values()].map(({ row }) => row)
  }
}

/** SHA-256 in hex: a random secret of 20 characters and more needs no slow hash. */
export function hashSecret(secret: string): string {
  return hash('sha256', secret, 'hex')
}

import { randomBytes } from 'node:crypto'
import type { KeyRow } from '../domain/record.ts'
import { Failure } from './failure.ts'
import { hashSecret, type KeyBook } from './key-book.ts'
import type { Catalog, Clock, Ids, Journal } from './ports.ts'
import type { Change } from './reconfigure.ts'

export interface KeysDeps {
  readonly keys: KeyBook
  readonly catalog: Catalog
  readonly journal: Journal
  readonly clock: Clock
  readonly ids: Ids
}

/** What a new key is to be. */
export type KeyWish = Pick<KeyRow, 'name' | 'attributes' | 'allow' | 'models'> & Partial<Pick<KeyRow, 'expiresAt' | 'objects'>>

/** A key and its secret, which is shown this once and kept nowhere. */
export interface IssuedKey {
  readonly row: KeyRow
  readonly secret: string
}

/**
 * Makes keys, gives them new secrets and takes them back; each change is durable when it resolves, and audited.
 * Each throws Failure store_unavailable where it could not be written.
 */
export interface Keys {
  /** Undefined where a key that is not revoked has that name. */
  readonly create: (wish: KeyWish, change: Change) => Promise<IssuedKey | undefined>
  /** A new secret for the same key: what it used stays. Undefined where there is no such key, or it is managed by the file. */
  readonly rotate: (id: string, change: Change) => Promise<IssuedKey | undefined>
  /** Undefined where there is no such key, or it is managed by the file. */
  readonly revoke: (id: string, change: Change) => Promise<KeyRow | undefined>
  readonly all: () => readonly KeyRow[]
}

/** Keys of the config file have ids that begin so; they are changed there. */
export const FILE_KEY_PREFIX = 'file:'

/** The keys made by API or CLI, beside those of the config file, which are changed in the file. */
export function createKeys(deps: KeysDeps): Keys {
  const { keys } = deps
  const find = (id: string) => keys.all().find((row) => row.id === id && row.revokedAt === undefined && !id.startsWith(FILE_KEY_PREFIX))
  return {
    all: () => keys.all(),
    create: async (wish, change) => {
      if (keys.all().some(({ name, revokedAt }) => name === wish.name && revokedAt === undefined)) return undefined
      const issued = issue({ ...wish, id: `key-${deps.ids.callId()}`, createdAt: deps.clock.now() })
      await store(deps, issued.row, { ...change, action: 'key.create' })
      return issued
    },
    rotate: async (id, change) => {
      const row = find(id)
      if (row === undefined) return undefined
      const issued = issue(row)
      await store(deps, issued.row, { ...change, action: 'key.rotate' })
      keys.forget(row.hash)
      return issued
    },
    revoke: async (id, change) => {
      const row = find(id)
      if (row === undefined) return undefined
      const revoked = { ...row, revokedAt: deps.clock.now() }
      await storeRevoked(deps, revoked, change)
      return revoked
    },
  }
}

function issue(row: Omit<KeyRow, 'hash' | 'hint'>): IssuedKey {
  const secret = `bsr_${randomBytes(24).toString('base64url')}`
  return { secret, row: { ...row, hash: hashSecret(secret), hint: secret.slice(0, 8) } }
}

/** A revocation that can't be written still refuses the key here: a stolen key must not stay good until the disk is back. */
async function storeRevoked(deps: KeysDeps, row: KeyRow, change: Change): Promise<void> {
  try {
    await store(deps, row, { ...change, action: 'key.revoke' })
  } catch (error) {
    if (!(error instanceof Failure)) throw error
    deps.keys.suspend(row.id)
    throw new Failure(
      error.code,
      `the revocation could not be written (${error.message}). This process refuses the key from now on, but it is good again ` +
        'after a restart, and in other processes: revoke it again once the store is back',
      error,
    )
  }
}

/** @throws Failure store_unavailable: then nothing has changed here */
async function store(deps: KeysDeps, row: KeyRow, change: Change & { readonly action: string }): Promise<void> {
  const { hash: _, ...shown } = row
  const entry = { id: deps.ids.callId(), at: deps.clock.now(), ...change, target: row.id, before: 'null', after: JSON.stringify(shown) }
  await deps.catalog.putKey(row)
  await deps.journal.append([{ kind: 'audit', entry }])
  deps.keys.set(row)
}

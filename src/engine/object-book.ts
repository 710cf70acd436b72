import { hash } from 'node:crypto'
import type { KeptObject, KeyRow } from '../domain/record.ts'
import type { Clock, Journal, Ledger } from './ports.ts'

export interface ObjectBookDeps {
  readonly journal: Pick<Journal, 'append'>
  readonly ledger: Pick<Ledger, 'objects' | 'ownsObjects'>
  readonly clock: Pick<Clock, 'now'>
}

/** Whose an object is. */
export type Owner = Pick<KeptObject, 'key' | 'team'>

/** Of older ones the ledger is asked. */
const OBJECTS_REMEMBERED_MAX = 50_000
/** Answers have some dozen parts that can be named later; what is more stays unknown. */
const OBJECTS_AT_ONCE_MAX = 1000
/** The 22 digits of 128 bits in base 64: no two ids that anybody makes have the same. */
const ID_DIGITS = 22

/**
 * Whose is what providers keep: files, batches, stored answers. What is not known here belongs to nobody: it was made before, or
 * elsewhere with the same provider key.
 */
export class ObjectBook {
  readonly #deps: ObjectBookDeps
  readonly #recent = new Map<string, Owner>()

  constructor(deps: ObjectBookDeps) {
    this.#deps = deps
  }

  /**
   * Writes down whose these are. What has an owner keeps it.
   * @returns once that is durable, or once it is known that it can't be now (then it is written later); never throws
   */
  async remember(provider: string, names: readonly string[], { key, team }: Owner): Promise<void> {
    const at = this.#deps.clock.now()
    const ids = new Set(names.slice(0, OBJECTS_AT_ONCE_MAX).map((name) => idOf(provider, name)))
    const fresh = [...ids].filter((id) => !this.#recent.has(id))
    if (fresh.length === 0) return
    const objects = fresh.map((id) => ({ id, key, ...(team === undefined ? {} : { team }), at }))
    for (const object of objects) this.#keep(object)
    await this.#deps.journal.append([{ kind: 'objects', objects }])
  }

  /**
   * The owners of those of these that have one, by their names at the provider.
   * @throws Failure store_unavailable
   */
  async ownersOf(provider: string, names: readonly string[]): Promise<ReadonlyMap<string, Owner>> {
    const ids = new Map(names.map((name) => [idOf(provider, name), name]))
    const unknown = [...ids.keys()].filter((id) => !this.#recent.has(id))
    const found = unknown.length === 0 ? [] : await this.#deps.ledger.objects(unknown)
    for (const object of found) this.#keep(object)
    const byId = new Map(found.map((object) => [object.id, object]))
    const owners = new Map<string, Owner>()
    for (const [id, name] of ids) {
      const owner = this.#recent.get(id) ?? byId.get(id)
      if (owner !== undefined) owners.set(name, owner)
    }
    return owners
  }

  /**
   * Whether anything can be in a list of what that key may reach.
   * @throws Failure store_unavailable
   */
  async hasAny({ id, attributes, objects = 'team' }: KeyRow): Promise<boolean> {
    if (objects === 'all') return true
    const { team } = attributes
    return this.#deps.ledger.ownsObjects(objects === 'team' && team !== undefined ? { key: id, team } : { key: id })
  }

  #keep({ id, key, team }: KeptObject): void {
    if (this.#recent.size >= OBJECTS_REMEMBERED_MAX) for (const oldest of this.#recent.keys().take(1)) this.#recent.delete(oldest)
    this.#recent.set(id, { key, ...(team === undefined ? {} : { team }) })
  }
}

/** Who makes something with that key. */
export function ownerBy({ id, attributes }: KeyRow): Owner {
  return { key: id, ...(attributes.team === undefined ? {} : { team: attributes.team }) }
}

/** Whether a key may reach what that owner has; `undefined`: nobody is known to have it. */
export function mayReach({ id, attributes, objects = 'team' }: KeyRow, owner: Owner | undefined): boolean {
  if (objects === 'all') return true
  if (owner === undefined) return false
  if (owner.key === id) return true
  return objects === 'team' && attributes.team !== undefined && attributes.team === owner.team
}

function idOf(provider: string, name: string): string {
  return hash('sha256', `${provider}\n${name}`, 'base64url').slice(0, ID_DIGITS)
}

import { RedisRefusal } from './reply.ts'

export interface StreamEntry {
  readonly id: StreamId
  readonly fields: readonly string[]
}

export interface StreamId {
  readonly ms: number
  readonly sequence: number
}

export interface Stream {
  entries: StreamEntry[]
  last: StreamId
}

interface Values {
  readonly string: { text: string }
  readonly hash: Map<string, string>
  readonly set: Set<string>
  readonly zset: Map<string, number>
  readonly stream: Stream
}

type Kind = keyof Values
type Entry = { [K in Kind]: { readonly kind: K; readonly value: Values[K]; expiresAt: number | undefined } }[Kind]

/** The keys of one server. A key whose time is over is gone at the next look. */
export class Keyspace {
  readonly #entries = new Map<string, Entry>()
  /** The time that commands see; it stands still while a script runs. */
  now = 0

  /** @throws RedisRefusal WRONGTYPE where the key holds something else */
  get<K extends Kind>(key: string, kind: K): Values[K] | undefined {
    const entry = this.#live(key)
    if (entry === undefined) return undefined
    if (entry.kind !== kind) throw new RedisRefusal('WRONGTYPE Operation against a key holding the wrong kind of value')
    return entry.value as Values[K]
  }

  holds(key: string, kind: Kind): boolean {
    return this.#live(key)?.kind === kind
  }

  /** The key's value, made where there is none. */
  open<K extends Kind>(key: string, kind: K): Values[K] {
    const known = this.get(key, kind)
    if (known !== undefined) return known
    const made = EMPTY[kind]()
    this.#entries.set(key, { kind, value: made, expiresAt: undefined } as Entry)
    return made
  }

  has(key: string): boolean {
    return this.#live(key) !== undefined
  }

  delete(key: string): boolean {
    return this.has(key) && this.#entries.delete(key)
  }

  /** A collection whose last member went is no key any more; a stream stays. */
  dropIfEmpty(key: string): void {
    const entry = this.#entries.get(key)
    const isEmpty = entry !== undefined && 'size' in entry.value && entry.value.size === 0
    if (isEmpty) this.#entries.delete(key)
  }

  expiresAt(key: string): number | undefined {
    return this.#live(key)?.expiresAt
  }

  setExpiry(key: string, at: number | undefined): void {
    const entry = this.#live(key)
    if (entry !== undefined) entry.expiresAt = at
  }

  clear(): void {
    this.#entries.clear()
  }

  keys(): readonly string[] {
    return [...this.#entries.keys()].filter((key) => this.has(key))
  }

  #live(key: string): Entry | undefined {
    const entry = this.#entries.get(key)
    if (entry?.expiresAt === undefined || entry.expiresAt > this.now) return entry
    this.#entries.delete(key)
    return undefined
  }
}

const EMPTY: { readonly [K in Kind]: () => Values[K] } = {
  string: () => ({ text: '' }),
  hash: () => new Map(),
  set: () => new Set(),
  zset: () => new Map(),
  stream: () => ({ entries: [], last: { ms: 0, sequence: 0 } }),
}

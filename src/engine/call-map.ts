import type { CallId } from '../domain/ids.ts'

interface Entry<Value> {
  readonly call: CallId
  readonly hash: number
  value: Value | undefined
  next: Entry<Value> | undefined
}

/** A power of two. */
const BUCKETS_MIN = 64

/**
 * A map by call, in no order: a hash table with chains. A Map interns each string that it is asked for, which costs an id that comes
 * and goes 0.6 us (measured), most of what the map does; and one of calls that come and go is built anew all the time. This one
 * only grows: by 8 bytes for each call that was ever in flight at once.
 */
export class CallMap<Value> {
  #buckets: (Entry<Value> | undefined)[] = emptyBuckets(BUCKETS_MIN)
  #size = 0

  get size(): number {
    return this.#size
  }

  has(call: CallId): boolean {
    return this.#find(call, hashOf(call)) !== undefined
  }

  get(call: CallId): Value | undefined {
    return this.#find(call, hashOf(call))?.value
  }

  set(call: CallId, value: Value): void {
    const hash = hashOf(call)
    const entry = this.#find(call, hash)
    if (entry !== undefined) {
      entry.value = value
      return
    }
    if (this.#size === this.#buckets.length) this.#grow()
    this.#add({ call, hash, value, next: undefined })
    this.#size++
  }

  /** Takes it out. */
  take(call: CallId): Value | undefined {
    const place = hashOf(call) & (this.#buckets.length - 1)
    let before: Entry<Value> | undefined
    let entry = this.#buckets[place]
    while (entry !== undefined && entry.call !== call) {
      before = entry
      entry = entry.next
    }
    if (entry === undefined) return undefined
    if (before === undefined) this.#buckets[place] = entry.next
    else before.next = entry.next
    this.#size--
    const { value } = entry
    entry.value = undefined
    return value
  }

  /** Those that are taken out meanwhile do not come any more, and those that are added meanwhile do not come. */
  *[Symbol.iterator](): IterableIterator<readonly [CallId, Value]> {
    for (const { call, value } of this.#entries()) if (value !== undefined) yield [call, value]
  }

  #entries(): readonly Entry<Value>[] {
    const entries: Entry<Value>[] = []
    for (let entry of this.#buckets) for (; entry !== undefined; entry = entry.next) entries.push(entry)
    return entries
  }

  #find(call: CallId, hash: number): Entry<Value> | undefined {
    let entry = this.#buckets[hash & (this.#buckets.length - 1)]
    while (entry !== undefined && entry.call !== call) entry = entry.next
    return entry
  }

  #grow(): void {
    const entries = this.#entries()
    this.#buckets = emptyBuckets(this.#buckets.length * 2)
    for (const entry of entries) this.#add(entry)
  }

  #add(entry: Entry<Value>): void {
    const place = entry.hash & (this.#buckets.length - 1)
    entry.next = this.#buckets[place]
    this.#buckets[place] = entry
  }
}

function emptyBuckets<Value>(count: number): (Entry<Value> | undefined)[] {
  return Array.from({ length: count }, () => undefined)
}

/** Behind them all ids of a process are the same (see call-ids.ts); before them is the part of the time that hardly changes. */
const HASHED_TO = 18
/** How many places before it, of which the last four are the count: of so many calls as are in flight, no two are alike in them. Each costs some 15 ns. */
const HASHED = 6

function hashOf(call: CallId): number {
  const end = Math.min(call.length, HASHED_TO)
  let hash = 0
  for (let i = Math.max(0, end - HASHED); i < end; i++) hash = (Math.imul(hash, 31) + call.charCodeAt(i)) | 0
  return hash
}

import type { CallId } from '../domain/ids.ts'

interface Entry<Value> {
  readonly call: CallId
  value: Value | undefined
  next: Entry<Value> | undefined
}

/**
 * A map by call, in no order. A Map interns each string that it is asked for, which costs an id that comes and goes 0.6 us
 * (measured), most of what the map does; so this one asks a Map for numbers that it makes of the ids.
 *
 * V8 keeps the entries of a Map's outgrown tables until the next full collection, and a map of calls that come and go outgrows
 * one after the other: emptied when its call is taken out, an entry leaves little behind.
 */
export class CallMap<Value> {
  readonly #entries = new Map<number, Entry<Value>>()
  #size = 0

  get size(): number {
    return this.#size
  }

  has(call: CallId): boolean {
    return this.#entryOf(call) !== undefined
  }

  get(call: CallId): Value | undefined {
    return this.#entryOf(call)?.value
  }

  set(call: CallId, value: Value): void {
    const hash = hashOf(call)
    const first = this.#entries.get(hash)
    const entry = find(first, call)
    if (entry === undefined) {
      this.#entries.set(hash, { call, value, next: first })
      this.#size++
    } else entry.value = value
  }

  /** Takes it out. */
  take(call: CallId): Value | undefined {
    const hash = hashOf(call)
    const first = this.#entries.get(hash)
    const entry = find(first, call)
    if (first === undefined || entry === undefined) return undefined
    this.#size--
    if (entry !== first) before(first, entry).next = entry.next
    else if (entry.next === undefined) this.#entries.delete(hash)
    else this.#entries.set(hash, entry.next)
    const { value } = entry
    entry.value = undefined
    return value
  }

  /** Those that are taken out meanwhile do not come any more. */
  *[Symbol.iterator](): IterableIterator<readonly [CallId, Value]> {
    for (const first of this.#entries.values()) {
      for (let entry: Entry<Value> | undefined = first; entry !== undefined; entry = entry.next) {
        if (entry.value !== undefined) yield [entry.call, entry.value]
      }
    }
  }

  #entryOf(call: CallId): Entry<Value> | undefined {
    return find(this.#entries.get(hashOf(call)), call)
  }
}

function find<Value>(first: Entry<Value> | undefined, call: CallId): Entry<Value> | undefined {
  let entry = first
  while (entry !== undefined && entry.call !== call) entry = entry.next
  return entry
}

function before<Value>(first: Entry<Value>, entry: Entry<Value>): Entry<Value> {
  let it = first
  while (it.next !== undefined && it.next !== entry) it = it.next
  return it
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

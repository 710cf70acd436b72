import { InvalidRequest } from './provider.ts'

/*
 * What a JSON text is made of, in one pass over it and before it is parsed: the parser's work and memory grow with the values of a
 * text, and what reads the parsed value goes down as deep as it is nested. The pass also finds names that stand twice in one object.
 * Readers differ in which of the two they take, so Bursar might read the one and the provider the other.
 */

/** What the pass asks of a text. */
export type Characters = Pick<string, 'length' | 'charCodeAt' | 'indexOf' | 'slice'>

/** The bounds of a JSON text. */
export interface JsonLimits {
  /** The values in it: strings, numbers, literals, lists and objects. */
  readonly values: number
  /** Its lists, its objects and their members; each costs the parser about a microsecond and a hundred bytes. */
  readonly parts: number
}

/** Objects and lists that stand in each other. No API nests deeper than the schema of a tool; a hundred are no risk to a recursive reader. */
export const JSON_DEPTH_MAX = 128

/** A million token ids are a few milliseconds, a hundred thousand objects a tenth of a second of the process's one thread. */
const REQUEST_VALUES_MAX = 1_000_000
const REQUEST_PARTS_MAX = 100_000
export const REQUEST_LIMITS: JsonLimits = { values: REQUEST_VALUES_MAX, parts: REQUEST_PARTS_MAX }

/** A batch has up to 100,000 requests (https://docs.anthropic.com/en/docs/build-with-claude/batch-processing). */
const BATCH_VALUES_MAX = 2_000_000
const BATCH_PARTS_MAX = 1_000_000
export const BATCH_LIMITS: JsonLimits = { values: BATCH_VALUES_MAX, parts: BATCH_PARTS_MAX }

/** Up to so many members are compared with each other; of more the names are kept in a set. */
const COMPARED_MAX = 16

const QUOTE = 0x22
const BACKSLASH = 0x5c
const COMMA = 0x2c
const COLON = 0x3a
const OPEN_BRACE = 0x7b
const CLOSE_BRACE = 0x7d
const OPEN_BRACKET = 0x5b
const CLOSE_BRACKET = 0x5d
const SPACE = 0x20

/** A member at the top that Bursar writes anew where it can be read in two ways (openai/stream-options.ts). */
const STREAM_OPTIONS = '"stream_options"'

/**
 * Checks the bounds of a text, which is linear in its length, and that no object in it has a name twice. What is no valid JSON may
 * pass: the parser refuses it.
 * @throws InvalidRequest
 */
export function checkJson(text: Characters, limits: JsonLimits = REQUEST_LIMITS): void {
  const names = new OpenNames(text)
  let literals = 0
  for (let at = 0; at < text.length;) {
    const char = text.charCodeAt(at)
    if (char === QUOTE) {
      at = names.string(at)
    } else if (char <= SPACE || char === COLON) {
      at++
    } else if (names.structure(char)) {
      at++
    } else {
      literals++
      at = endOfLiteral(text, at + 1)
    }
    if (names.parts > limits.parts || names.values + literals > limits.values) throw tooMany(limits)
  }
}

function tooMany({ values, parts }: JsonLimits): InvalidRequest {
  return new InvalidRequest(
    `the request body is JSON of more than ${values} values, or of more than ${parts} objects, lists and members: send it in several requests`,
  )
}

function endOfLiteral(text: Characters, from: number): number {
  let at = from
  for (; at < text.length; at++) {
    const char = text.charCodeAt(at)
    if (char <= SPACE || char === COMMA || char === CLOSE_BRACE || char === CLOSE_BRACKET) break
  }
  return at
}

/** @returns the place behind the quote that ends the string; the text's end where none does */
function endOfString(text: Characters, start: number): number {
  for (let quote = text.indexOf('"', start + 1); quote >= 0; quote = text.indexOf('"', quote + 1)) {
    let slash = quote
    while (text.charCodeAt(slash - 1) === BACKSLASH) slash--
    if ((quote - slash) % 2 === 0) return quote + 1
  }
  return text.length
}

/**
 * The names of the objects that are open. A pass ends before another begins, so that all of them share the room for it.
 *
 *     names   | of the outermost | of the one in it | ...
 *     begins  0                  2                  3
 */
class OpenNames {
  readonly #text: Characters
  #depth = 0
  #count = 0
  /** True where the next string is a name. */
  #isName = false
  readonly #sets: (Set<string> | undefined)[] = []
  /** From this depth on names may stand twice: Bursar writes that value itself. */
  #writtenDepth = Infinity
  /** Strings, objects and lists. */
  values = 0
  /** Objects, lists and members. */
  parts = 0

  constructor(text: Characters) {
    this.#text = text
  }

  /** @returns the place behind the string that begins at `start` */
  string(start: number): number {
    const end = endOfString(this.#text, start)
    if (this.#isName) {
      this.#add(start, end)
      this.parts++
    } else {
      this.values++
    }
    this.#isName = false
    return end
  }

  /** False for what is no comma and no bracket. */
  structure(char: number): boolean {
    switch (char) {
      case COMMA:
        this.#isName = IS_OBJECT[this.#depth] === 1
        if (this.#depth === 1) this.#writtenDepth = Infinity
        return true
      case OPEN_BRACE:
      case OPEN_BRACKET:
        this.#open(char === OPEN_BRACE)
        return true
      case CLOSE_BRACE:
      case CLOSE_BRACKET:
        this.#close()
        return true
      default:
        return false
    }
  }

  /** @throws InvalidRequest where that is too deep */
  #open(isObject: boolean): void {
    if (this.#depth === JSON_DEPTH_MAX) {
      throw new InvalidRequest(`the request body nests JSON deeper than ${JSON_DEPTH_MAX} objects and lists`)
    }
    this.values++
    this.parts++
    this.#depth++
    this.#isName = isObject
    IS_OBJECT[this.#depth] = isObject ? 1 : 0
    BEGINS[this.#depth] = this.#count
  }

  #close(): void {
    this.#isName = false
    if (this.#depth === 0) return
    this.#count = BEGINS[this.#depth] ?? 0
    if (this.#sets.length > this.#depth) this.#sets.length = this.#depth
    this.#depth--
  }

  /**
   * Takes the name whose quotes are at `start` and before `end`.
   * @throws InvalidRequest where the object has that name already
   */
  #add(start: number, end: number): void {
    if (this.#depth >= this.#writtenDepth) return
    if (this.#isWritten(start, end)) this.#writtenDepth = 2
    const begin = BEGINS[this.#depth] ?? 0
    if (this.#sets.length > this.#depth) return this.#addToSet(start, end)
    if (this.#count - begin === COMPARED_MAX || this.#isEscaped(start, end)) {
      this.#collect(begin)
      return this.#addToSet(start, end)
    }
    for (let i = begin; i < this.#count; i++) {
      const other = STARTS[i] ?? 0
      if ((ENDS[i] ?? 0) - other === end - start && this.#areSame(other, start, end)) throw twice(this.#nameAt(start, end))
    }
    STARTS[this.#count] = start
    ENDS[this.#count] = end
    this.#count++
  }

  #isWritten(start: number, end: number): boolean {
    return this.#depth === 1 && end - start === STREAM_OPTIONS.length && this.#text.slice(start, end) === STREAM_OPTIONS
  }

  #isEscaped(start: number, end: number): boolean {
    for (let at = start + 1; at < end; at++) if (this.#text.charCodeAt(at) === BACKSLASH) return true
    return false
  }

  /** @param end behind the other's last character */
  #areSame(one: number, other: number, end: number): boolean {
    for (let i = 1; other + i < end; i++) {
      if (this.#text.charCodeAt(one + i) !== this.#text.charCodeAt(other + i)) return false
    }
    return true
  }

  #collect(begin: number): void {
    const set = new Set<string>()
    for (let i = begin; i < this.#count; i++) set.add(this.#nameAt(STARTS[i] ?? 0, ENDS[i] ?? 0))
    this.#sets[this.#depth] = set
  }

  #addToSet(start: number, end: number): void {
    const set = this.#sets[this.#depth]
    const name = this.#nameAt(start, end)
    if (set?.has(name) === true) throw twice(name)
    set?.add(name)
  }

  /** @throws InvalidRequest where it is no name that all readers read alike */
  #nameAt(start: number, end: number): string {
    const name = decoded(this.#text.slice(start, end))
    if (name?.isWellFormed() !== true) throw new InvalidRequest('the request body has a member whose name is no valid text')
    return name
  }
}

/** Nothing is open at depth 0. */
const IS_OBJECT = new Uint8Array(JSON_DEPTH_MAX + 1)
const BEGINS = new Int32Array(JSON_DEPTH_MAX + 1)
const STARTS = new Int32Array(JSON_DEPTH_MAX * COMPARED_MAX)
const ENDS = new Int32Array(JSON_DEPTH_MAX * COMPARED_MAX)

/** A name without an escape, which nearly all are, is its own characters. */
function decoded(json: string): string | undefined {
  if (!json.includes('\\')) return json.slice(1, -1)
  try {
    return String(JSON.parse(json))
  } catch {
    return undefined
  }
}

function twice(name: string): InvalidRequest {
  return new InvalidRequest(`the request body has the member "${name.slice(0, 100)}" twice in one object`)
}

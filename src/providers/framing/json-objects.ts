import { GrowingBytes } from './growing-bytes.ts'

const QUOTE = 0x22
const BACKSLASH = 0x5c
const OPENING: ReadonlySet<number> = new Set([0x5b, 0x7b])
const CLOSING: ReadonlySet<number> = new Set([0x5d, 0x7d])

/** An element larger than this is passed over unread: nothing that carries usage comes near it. */
const ELEMENT_BYTES_MAX = 16 * 1024 * 1024

/**
 * Finds the objects of a JSON array, or of JSON one after the other (lines of it), that comes in pieces, cut anywhere.
 * Bytes that are no JSON never throw; they give no objects, or such as do not parse.
 */
export class JsonObjectFramer {
  #depth = 0
  /** The depth at which an element's brace opened; 0: between elements. */
  #elementDepth = 0
  #isInString = false
  #isEscaped = false
  readonly #element = new GrowingBytes()
  #isTooLarge = false
  #hasUnread = false

  /** True once an element was too large to be read. */
  get hasUnread(): boolean {
    return this.#hasUnread
  }

  /** The texts of the elements that these bytes finish. */
  push(chunk: Buffer): readonly string[] {
    const elements: string[] = []
    let start = 0
    for (let at = 0; at < chunk.length; at++) {
      const byte = chunk[at] ?? 0
      if (this.#isInString) {
        this.#stepInString(byte)
        continue
      }
      if (byte === QUOTE) this.#isInString = true
      else if (OPENING.has(byte)) {
        this.#depth++
        if (this.#elementDepth === 0 && byte === 0x7b) {
          this.#elementDepth = this.#depth
          start = at
        }
      } else if (CLOSING.has(byte)) {
        if (this.#elementDepth !== 0 && this.#depth === this.#elementDepth) {
          this.#keep(chunk.subarray(start, at + 1))
          elements.push(...this.#takeElement())
        }
        this.#depth = Math.max(0, this.#depth - 1)
      }
    }
    if (this.#elementDepth !== 0) this.#keep(chunk.subarray(start))
    return elements
  }

  #stepInString(byte: number): void {
    if (this.#isEscaped) this.#isEscaped = false
    else if (byte === BACKSLASH) this.#isEscaped = true
    else if (byte === QUOTE) this.#isInString = false
  }

  #keep(piece: Buffer): void {
    this.#isTooLarge ||= this.#element.length + piece.length > ELEMENT_BYTES_MAX
    this.#hasUnread ||= this.#isTooLarge
    if (this.#isTooLarge) this.#element.take()
    else this.#element.add(piece)
  }

  #takeElement(): readonly string[] {
    const text = this.#isTooLarge ? [] : [this.#element.take().toString()]
    this.#isTooLarge = false
    this.#elementDepth = 0
    return text
  }
}

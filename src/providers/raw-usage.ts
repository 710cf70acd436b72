import { RAW_CHARS_MAX } from '../domain/usage/usage.ts'

/** What an answer's usage objects said, as they came: the first, and the last where there were more. */
export class RawUsage {
  #first: unknown
  #last: unknown

  see(usage: unknown): void {
    if (typeof usage !== 'object' || usage === null) return
    if (this.#first === undefined) this.#first = usage
    else this.#last = usage
  }

  /** One object, or a list of two; undefined where there was none. Kept as objects: most calls ask for the text once. */
  get all(): unknown {
    return this.#last === undefined ? this.#first : [this.#first, this.#last]
  }
}

/**
 * The JSON text of what an answer reported. Of one that is too long the beginning, as a JSON string, so that the text is JSON always.
 * @returns undefined where it reported nothing
 */
export function rawText(raw: unknown): string | undefined {
  if (raw === undefined) return undefined
  const text = jsonOf(raw)
  return text === undefined || text.length <= RAW_CHARS_MAX ? text : JSON.stringify(text.slice(0, CUT_CHARS))
}

/** As a string each of its quotes takes two characters. */
const CUT_CHARS = RAW_CHARS_MAX / 2 - 8

/** Undefined where it is nested deeper than the stack is. */
function jsonOf(raw: unknown): string | undefined {
  try {
    return JSON.stringify(raw)
  } catch (error) {
    if (error instanceof RangeError) return undefined
    throw error
  }
}

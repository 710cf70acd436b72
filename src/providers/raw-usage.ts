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

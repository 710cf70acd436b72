import type { JsonObject, RequestFacts } from './provider.ts'

/** What a model may read that is not known: more than any context but Llama 4 Scout's, which has a line of its own. */
export const UNKNOWN_CONTEXT_MAX = 2_097_152

/** What is told of an unknown part; callers invent names of any length. */
const NAME_LENGTH_MAX = 40

/**
 * What a request brings into its input beside its own bytes. Every API counts by a list of what is known: text by its bytes,
 * media by its formula. All else (a reference, an address, an option that nobody knows) may fill the model's context.
 */
export class InputTally {
  #tokens = 0
  #unknown: string | undefined

  /** @param tokens those that stand in no byte of the request; below zero where media costs less than its bytes */
  add(tokens: number): void {
    this.#tokens += tokens
  }

  /**
   * Something the tokens of which are not known.
   * @param what a word for people, such as `part` or `option`
   * @param name as the caller wrote it; bounded here
   */
  fill(what: string, name: unknown = ''): void {
    if (this.#unknown !== undefined) return
    const shown = typeof name === 'string' && name !== '' ? ` ${JSON.stringify(name.slice(0, NAME_LENGTH_MAX))}` : ''
    this.#unknown = `${what}${shown}`
  }

  /** The first that is not known; undefined where all is. */
  get unknown(): string | undefined {
    return this.#unknown
  }

  /**
   * The upper bound of the input.
   * @param bytes the request's own: a token per byte is the only cheap bound that holds for every tokenizer
   * @param contextMax the most that the model can read, in tokens
   */
  boundOf(bytes: number, contextMax: number): Pick<RequestFacts, 'inputBound' | 'unknownInput'> {
    const known = Math.max(1, Math.ceil(bytes + this.#tokens))
    const unknown = this.#unknown
    return unknown === undefined ? { inputBound: known } : { inputBound: Math.max(known, contextMax), unknownInput: unknown }
  }
}

/**
 * Fills the context for members that are not known to bring nothing. A number names nothing that is stored in any API, and false,
 * null and what is empty ask for nothing; an empty object may (`"web_search_options": {}`).
 */
export function fillByUnknown(tally: InputTally, object: JsonObject, known: ReadonlySet<string>, what: string): void {
  for (const name of Object.keys(object)) if (!known.has(name) && asksForSomething(object[name])) tally.fill(what, name)
}

export function asksForSomething(value: unknown): boolean {
  if (value === undefined || value === null || value === false || value === '' || typeof value === 'number') return false
  return !Array.isArray(value) || value.length > 0
}

/** So many kinds are told apart; callers invent models and options, and what comes beyond is counted under one name. */
const KINDS_MAX = 200
const OTHER = '(other)'

/** Calls whose input held all that the model can read, since something in them was not known. */
export interface UnknownInput {
  readonly api: string
  readonly provider: string
  readonly model: string
  /** The first thing that was not known: `option "x"`. */
  readonly what: string
  readonly calls: number
}

/** What was not known of the requests since the start; bounded. */
export class UnknownInputs {
  readonly #kinds = new Map<string, { -readonly [K in keyof UnknownInput]: UnknownInput[K] }>()

  note(found: Omit<UnknownInput, 'calls'>): void {
    const key = JSON.stringify([found.provider, found.model, found.what])
    const known = this.#kinds.get(key)
    if (known !== undefined) known.calls++
    else if (this.#kinds.size < KINDS_MAX) this.#kinds.set(key, { ...found, calls: 1 })
    else this.#noteOther(found.api)
  }

  /** The most frequent first. */
  all(): readonly UnknownInput[] {
    return [...this.#kinds.values()].toSorted((a, b) => b.calls - a.calls)
  }

  /** An API has few of these beyond the bound: there are not many APIs. */
  #noteOther(api: string): void {
    const other = this.#kinds.get(api) ?? { api, provider: OTHER, model: OTHER, what: OTHER, calls: 0 }
    other.calls++
    this.#kinds.set(api, other)
  }
}

import { OutputHistogram } from '../domain/output-histogram.ts'

/** What is expected of a caller and model that little is known of, in tokens. */
const UNKNOWN = 4096
const OBSERVATIONS_MIN = 20
const QUANTILE = 0.95
/** An answer that was cut at what had been expected says only that more was wanted: this lets the expectation grow. */
const MARGIN = 1.5
const PAIRS_MAX = 10_000

/**
 * How long the answers of a caller's calls to a model get, learnt from those that ended. What a call without a maximum of its
 * own holds: the model's maximum would fill a budget with calls that hardly use any of it.
 */
export class ExpectedOutput {
  readonly #histograms = new Map<string, OutputHistogram>()

  observe(caller: string, model: string, tokens: number): void {
    const id = `${caller}\n${model}`
    const histogram = this.#histograms.get(id) ?? new OutputHistogram()
    // The pair that was used last stands last; the first one goes where there are too many.
    this.#histograms.delete(id)
    this.#histograms.set(id, histogram)
    const oldest = this.#histograms.size > PAIRS_MAX ? this.#histograms.keys().next() : undefined
    if (oldest?.done === false) this.#histograms.delete(oldest.value)
    histogram.observe(tokens)
  }

  /** In tokens per choice; at least 1. */
  of(caller: string, model: string): number {
    const histogram = this.#histograms.get(`${caller}\n${model}`)
    if (histogram === undefined || histogram.total < OBSERVATIONS_MIN) return UNKNOWN
    return Math.max(1, Math.ceil(histogram.quantile(QUANTILE) * MARGIN))
  }
}

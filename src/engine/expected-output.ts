import { OutputHistogram } from './output-histogram.ts'

/** What is expected of a caller and model that little is known of, in tokens. */
const UNKNOWN = 4096
/** What its hold begins with where it can be raised. */
const UNKNOWN_START = 512
const OBSERVATIONS_MIN = 20
const QUANTILE = 0.95
/** An answer that was cut at what had been expected says only that more was wanted: this lets the expectation grow. */
const MARGIN = 1.5
/** At most twice as many callers are known. */
const GENERATION = 5000

/**
 * How long the answers of a caller's calls to a model get, learnt from those that ended. What a call without a maximum of its
 * own holds: the model's maximum would fill a budget with calls that hardly use any of it.
 */
export class ExpectedOutput {
  /** Those that were observed last; of those before them, which are forgotten when there are as many new ones again. */
  #recent = new Map<string, OutputHistogram>()
  #before: ReadonlyMap<string, OutputHistogram> = new Map()

  observe(caller: string, tokens: number): void {
    this.#histogramOf(caller).observe(tokens)
  }

  /** What an answer is to be allowed that is cut beyond it; in tokens per choice, at least 1. */
  of(caller: string): number {
    const quantile = this.#quantile(caller)
    return quantile === undefined ? UNKNOWN : Math.ceil(quantile * MARGIN)
  }

  /** What the hold of an answer is to begin with that is raised if it gets longer; likewise. */
  startOf(caller: string): number {
    return this.#quantile(caller) ?? UNKNOWN_START
  }

  #quantile(caller: string): number | undefined {
    const histogram = this.#recent.get(caller) ?? this.#before.get(caller)
    return histogram === undefined || histogram.total < OBSERVATIONS_MIN ? undefined : Math.max(1, histogram.quantile(QUANTILE))
  }

  #histogramOf(caller: string): OutputHistogram {
    const recent = this.#recent.get(caller)
    if (recent !== undefined) return recent
    const histogram = this.#before.get(caller) ?? new OutputHistogram()
    if (this.#recent.size >= GENERATION) {
      this.#before = this.#recent
      this.#recent = new Map()
    }
    this.#recent.set(caller, histogram)
    return histogram
  }
}

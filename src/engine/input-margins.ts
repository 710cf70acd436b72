/** Below so many calls too little is known of a model. */
const OBSERVATIONS_MIN = 32
/** The largest of the last one to two times so many observations counts, so that what is long past fades. */
const GENERATION = 256
/** Counting a text takes longer than all else that a call costs: once a model is known, one call in so many is looked at. */
const SAMPLE_EVERY = 16
/** And once it is well known, after a generation. */
const SAMPLE_EVERY_KNOWN = 256
/** On top of the largest that was seen, since the next text may be of another kind. */
const MARGIN = 1.2
const MODELS_MAX = 1000

interface Learnt {
  observations: number
  /** Calls since the last one that was looked at. */
  skipped: number
  /** The largest share of tokens used to tokens counted: in this generation, and in the one before. */
  largest: number
  largestBefore: number
}

/**
 * How many tokens the models of others use for each that the tokenizer at hand counts: learnt from calls that ended, since their
 * own tokenizers are not published. Bounded memory.
 */
export class InputMargins {
  readonly #models = new Map<string, Learnt>()

  /**
   * True where a call of this model should be observed when it has ended.
   * @param isOverrun it used more than its hold: then what is known of the model may be too little
   */
  wants(model: string, isOverrun: boolean): boolean {
    const learnt = this.#models.get(model)
    if (learnt === undefined || learnt.observations < OBSERVATIONS_MIN || isOverrun) return true
    learnt.skipped = (learnt.skipped + 1) % (learnt.observations < GENERATION ? SAMPLE_EVERY : SAMPLE_EVERY_KNOWN)
    return learnt.skipped === 0
  }

  /**
   * @param counted tokens of the request's text by the tokenizer; > 0
   * @param used tokens of input that the provider reported
   */
  observe(model: string, counted: number, used: number): void {
    const learnt = this.#models.get(model) ?? { observations: 0, skipped: 0, largest: 0, largestBefore: 0 }
    // The model that was used last stands last; the first one goes where there are too many.
    this.#models.delete(model)
    this.#models.set(model, learnt)
    const oldest = this.#models.size > MODELS_MAX ? this.#models.keys().next() : undefined
    if (oldest?.done === false) this.#models.delete(oldest.value)
    if (learnt.observations % GENERATION === 0) {
      learnt.largestBefore = learnt.largest
      learnt.largest = 0
    }
    learnt.observations++
    learnt.largest = Math.max(learnt.largest, used / counted)
  }

  isLearnt(model: string): boolean {
    return (this.#models.get(model)?.observations ?? 0) >= OBSERVATIONS_MIN
  }

  /** The most tokens that a text of so many counted ones is expected to have; Infinity where too little is known. */
  boundOf(model: string, counted: number): number {
    const learnt = this.#models.get(model)
    if (learnt === undefined || learnt.observations < OBSERVATIONS_MIN) return Infinity
    return Math.ceil(counted * Math.max(1, learnt.largest, learnt.largestBefore) * MARGIN)
  }
}

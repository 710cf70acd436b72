import type { EpochMs } from '../domain/instant.ts'

/** Below so many calls too little is known of a model. */
const OBSERVATIONS_MIN = 32
/** The largest of the last one to two times so many observations counts, so that what is long past fades. */
const GENERATION = 256
/** Counting a text takes longer than all else that a call costs: once a model is known, one call in so many is looked at. */
const SAMPLE_EVERY = 16
/** And once it is well known, after a generation: one in so many, and not more than one a second. */
const SAMPLE_EVERY_KNOWN = 256
const PAUSE_KNOWN_MS = 1000
/** On top of the largest that was seen, since the next text may be of another kind. */
const MARGIN = 1.2
const MODELS_MAX = 1000

interface Learnt {
  observations: number
  /** Calls since the last one that was looked at. */
  skipped: number
  /** When the last one was looked at; 0: none was. */
  lookedAt: EpochMs
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
   * True where a call of this model should be observed that has ended now.
   * @param isOverrun it used more than its hold: then what is known of the model may be too little
   */
  wants(model: string, isOverrun: boolean, now: EpochMs): boolean {
    const learnt = this.#models.get(model)
    if (learnt === undefined || learnt.observations < OBSERVATIONS_MIN || isOverrun) return true
    const isWellKnown = learnt.observations >= GENERATION
    learnt.skipped++
    if (learnt.skipped < (isWellKnown ? SAMPLE_EVERY_KNOWN : SAMPLE_EVERY)) return false
    if (isWellKnown && Math.abs(now - learnt.lookedAt) < PAUSE_KNOWN_MS) return false
    learnt.skipped = 0
    learnt.lookedAt = now
    return true
  }

  /**
   * @param counted tokens of the request's text by the tokenizer; > 0
   * @param used tokens of input that the provider reported
   */
  observe(model: string, counted: number, used: number): void {
    const learnt = this.#models.get(model) ?? { observations: 0, skipped: 0, lookedAt: 0, largest: 0, largestBefore: 0 }
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

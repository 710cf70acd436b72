import type { OutputCount } from '../providers/provider.ts'

/** What an answer may go on to use. */
export interface OutputGuardOptions {
  /** What its hold covers, in tokens of all its choices. */
  readonly held: number
  /** What the provider itself was told to produce at most. */
  readonly most: number
  readonly count: OutputCount
  /** Raises the hold towards so many tokens; resolves to what it covers then, which is no less. */
  readonly raise: (to: number) => Promise<number>
}

/** Tokens that may be under way when an answer is ended, or are not seen as text. */
export const GUARD_MARGIN = 32
/** A raise is asked for so many tokens before it is needed, so that no answer has to wait for it. */
const AHEAD = 256
const STEP_MIN = 512
/** After a raise was refused: others may give back what they hold. */
const RETRY_AFTER = 64

/**
 * Counts an answer while it comes and raises its hold in time, so that a call without a maximum need not hold all that it might
 * come to; where no budget has room for more, the answer has to end.
 */
export class OutputGuard {
  readonly #options: OutputGuardOptions
  #held: number
  #produced = 0
  /** The most that it may be. */
  #needed = 0
  #nextTry = 0
  #raising: Promise<void> | undefined

  constructor(options: OutputGuardOptions) {
    this.#options = options
    this.#held = options.held
  }

  /** What the hold covers now. */
  get held(): number {
    return this.#held
  }

  /** Text that came. */
  take(text: string): void {
    if (text === '') return
    const { tokens, atMost } = this.#options.count(text)
    this.#produced += tokens
    this.#needed += atMost
    const isDue = this.#needed + AHEAD > this.#held && this.#held < this.#options.most && this.#produced >= this.#nextTry
    if (isDue) this.#raising ??= this.#raise()
  }

  /** `wait`: a raise decides. `stop`: nothing more may come. */
  state(): 'go' | 'wait' | 'stop' {
    // Where all is held, the provider's own maximum ends the answer to the token; this one, where it does not mind it.
    if (this.#held >= this.#options.most) return this.#produced <= this.#options.most ? 'go' : 'stop'
    if (this.#needed + GUARD_MARGIN < this.#held) return 'go'
    return this.#raising === undefined ? 'stop' : 'wait'
  }

  /** Resolves when there is no raise under way. */
  async decided(): Promise<void> {
    await this.#raising
  }

  async #raise(): Promise<void> {
    const wanted = Math.min(this.#options.most, this.#held + Math.max(STEP_MIN, Math.ceil(this.#held / 2)))
    try {
      const held = await this.#options.raise(wanted)
      if (held <= this.#held) this.#nextTry = this.#produced + RETRY_AFTER
      this.#held = Math.max(this.#held, held)
    } catch {
      // A store that is down raises nothing: what is held is what there is.
    } finally {
      this.#raising = undefined
    }
  }
}

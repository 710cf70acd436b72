/** Four buckets to each doubling: a bucket's upper end is at most 19 % above what fell into it. */
const BUCKETS_PER_DOUBLING = 4
/** Up to 2^24 tokens; longer outputs count as that. */
const BUCKETS = 24 * BUCKETS_PER_DOUBLING + 1
/** So many observations, and the older ones count half. */
const HALVE_AT = 4096

/** How long answers were, in tokens: bounded memory, and the past fades. */
export class OutputHistogram {
  readonly #counts = new Float64Array(BUCKETS)
  #total = 0

  observe(tokens: number): void {
    const bucket = bucketOf(tokens)
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1
    this.#total++
    if (this.#total >= HALVE_AT) this.#halve()
  }

  get total(): number {
    return this.#total
  }

  /**
   * The least output that at least `share` of the answers did not exceed, rounded up to its bucket's end; 0 before the first.
   * @param share 0 < share <= 1
   */
  quantile(share: number): number {
    let below = 0
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      below += this.#counts[bucket] ?? 0
      if (this.#total > 0 && below >= share * this.#total) return endOf(bucket)
    }
    return 0
  }

  #halve(): void {
    for (let bucket = 0; bucket < BUCKETS; bucket++) this.#counts[bucket] = (this.#counts[bucket] ?? 0) / 2
    this.#total /= 2
  }
}

function bucketOf(tokens: number): number {
  return tokens <= 1 ? 0 : Math.min(BUCKETS - 1, Math.ceil(Math.log2(tokens) * BUCKETS_PER_DOUBLING))
}

function endOf(bucket: number): number {
  return Math.ceil(2 ** (bucket / BUCKETS_PER_DOUBLING))
}

import type { Continued } from '../providers/provider.ts'

/** Answers that are remembered; of older ones, and of those before a restart, the most that they can have is assumed. */
const REMEMBERED_MAX = 100_000
/** Providers' own ids have some 60 characters, and callers name conversations as they like. */
const ID_LENGTH_MAX = 500

/** How many tokens each earlier answer brings into the input of a request that continues it. */
export class Conversations {
  readonly #tokens = new Map<string, number>()

  /** @param tokens all of the answer's: its input is the conversation before it */
  remember(id: string, tokens: number): void {
    if (id.length > ID_LENGTH_MAX) return
    this.#tokens.delete(id)
    if (this.#tokens.size >= REMEMBERED_MAX) for (const oldest of this.#tokens.keys().take(1)) this.#tokens.delete(oldest)
    this.#tokens.set(id, tokens)
  }

  /** Of a conversation, which only grows: an answer that is shorter than an earlier one does not make it smaller. */
  grow(id: string, tokens: number): void {
    this.remember(id, Math.max(tokens, this.#tokens.get(id) ?? 0))
  }

  /** The most that it brings. */
  tokensOf({ id, tokensMax }: Continued): number {
    return this.#tokens.get(id) ?? tokensMax
  }
}

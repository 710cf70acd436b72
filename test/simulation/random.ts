/** Numbers that follow from a seed. Each part of the simulation draws from a stream of its own. */
export interface Random {
  /** In `[0, 1)`. */
  readonly next: () => number
  /** An integer, both ends included. */
  readonly between: (min: number, max: number) => number
  readonly chance: (share: number) => boolean
  /** @throws where there is nothing to pick */
  readonly pick: <T>(items: readonly T[]) => T
  /** Another stream, which follows from this one's seed and the name. */
  readonly stream: (name: string) => Random
}

export function createRandom(seed: number): Random {
  const next = mulberry32(seed)
  const between = (min: number, max: number) => min + Math.floor(next() * (max - min + 1))
  return {
    next,
    between,
    chance: (share) => next() < share,
    pick: (items) => {
      const item = items[between(0, items.length - 1)]
      if (item === undefined) throw new Error('nothing to pick from')
      return item
    },
    stream: (name) => createRandom(hash(`${seed} ${name}`)),
  }
}

function mulberry32(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** FNV-1a. */
function hash(text: string): number {
  let value = 0x811c9dc5
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193)
  return value >>> 0
}

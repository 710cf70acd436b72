/** A bug of ours: a state that the code holds impossible. Never thrown for what a caller or the world did. */
export class Defect extends Error {
  override readonly name = 'Defect'
}

/** Throws a {@link Defect} that says `what` should have held. */
export function assert(condition: boolean, what: string): asserts condition {
  if (!condition) throw new Defect(`should hold: ${what}`)
}

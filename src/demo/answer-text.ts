const WORDS = 'the budget of a team is what it may use and every call counts against it as it happens so the month ends well'.split(' ')

/** The pieces of an answer, one token each as the simulated provider counts; joined they are its text. The same seed gives the same. */
export function answerPieces(count: number, seed: number): readonly string[] {
  return Array.from({ length: count }, (_, i) => {
    const word = WORDS[(seed * 7 + i * 3) % WORDS.length] ?? 'a'
    return i === 0 ? word : ` ${word}`
  })
}

/** As {@link answerPieces}, of the JSON arguments of a tool call. */
export function argumentPieces(count: number, seed: number): readonly string[] {
  return answerPieces(count, seed).map((piece, i) => `${i === 0 ? '{"query":"' : ''}${piece}${i === count - 1 ? '"}' : ''}`)
}

/** Tokens of a text as the simulated provider counts them: one for about four characters, at least one. */
export function simulatedTokens(text: string): number {
  return Math.max(1, Math.ceil(text.length / 4))
}

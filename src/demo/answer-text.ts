const WORDS = 'the budget of a team is what it may use and every call counts against it as it happens so the month ends well'.split(' ')

/** Words of an answer, one token each as the simulated provider counts; the same seed gives the same words. */
export function answerWords(count: number, seed: number): readonly string[] {
  return Array.from({ length: count }, (_, i) => WORDS[(seed * 7 + i * 3) % WORDS.length] ?? 'a')
}

/** Tokens of a text as the simulated provider counts them: one for about four characters. */
export function simulatedTokens(text: string): number {
  return Math.max(1, Math.ceil(text.length / 4))
}

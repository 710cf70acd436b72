/** Whether two lists hold the same texts, in whatever order. */
export function sameSet(a: readonly string[], b: readonly string[]): boolean {
  return a.toSorted(byText).join('|') === b.toSorted(byText).join('|')
}

function byText(a: string, b: string): number {
  return a < b ? -1 : 1
}

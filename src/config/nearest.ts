/**
 * The candidate that a mistyped name most probably means: the same but for case, hyphens and underscores, or one, two or
 * three typing errors away (more for longer names).
 * @returns undefined where none is near; of equally near ones, the first
 */
export function nearestName(name: string, candidates: Iterable<string>): string | undefined {
  const typed = bare(name)
  let best: string | undefined
  let bestDistance = typingErrorsAllowed(typed) + 1
  for (const candidate of candidates) {
    const distance = typingErrors(typed, bare(candidate), bestDistance)
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance]
  }
  return best
}

/** `; did you mean "period"?`, or nothing where no candidate is near. */
export function suggestion(name: string, candidates: Iterable<string>): string {
  const nearest = nearestName(name, candidates)
  return nearest === undefined || nearest === name ? '' : `; did you mean ${JSON.stringify(nearest)}?`
}

function bare(name: string): string {
  return name.toLowerCase().replaceAll(/[-_ ]/g, '')
}

function typingErrorsAllowed(name: string): number {
  if (name.length <= 3) return 1
  return name.length <= 7 ? 2 : 3
}

/** Insertions, deletions, substitutions and swaps of neighbours that make `b` of `a` (optimal string alignment); stops at `enough`. */
function typingErrors(a: string, b: string, enough: number): number {
  if (Math.abs(a.length - b.length) >= enough) return enough
  let twoAbove: readonly number[] = []
  let above: readonly number[] = Array.from({ length: b.length + 1 }, (_, column) => column)
  for (let row = 1; row <= a.length; row++) {
    const current = [row]
    for (let column = 1; column <= b.length; column++) current.push(errorsAt({ a, b, row, column, current, above, twoAbove }))
    twoAbove = above
    above = current
  }
  return above[b.length] ?? enough
}

interface Cell {
  readonly a: string
  readonly b: string
  readonly row: number
  readonly column: number
  readonly current: readonly number[]
  readonly above: readonly number[]
  readonly twoAbove: readonly number[]
}

function errorsAt({ a, b, row, column, current, above, twoAbove }: Cell): number {
  const isSame = a[row - 1] === b[column - 1]
  const isSwapped = row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1]
  return Math.min(
    (above[column] ?? 0) + 1,
    (current[column - 1] ?? 0) + 1,
    (above[column - 1] ?? 0) + (isSame ? 0 : 1),
    isSwapped ? (twoAbove[column - 2] ?? 0) + 1 : Infinity,
  )
}

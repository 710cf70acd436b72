/** A straight line through points. */
export interface Trend {
  /** What y grows by where x grows by 1. */
  readonly slope: number
  /** With 95 % confidence the slope is within so much of that; Infinity below three points. */
  readonly margin: number
}

export type Point = readonly [x: number, y: number]

/** By least squares. The points should be far enough apart that one tells little of the next. */
export function trendOf(points: readonly Point[]): Trend {
  const count = points.length
  const meanX = points.reduce((sum, [x]) => sum + x, 0) / count
  const meanY = points.reduce((sum, [, y]) => sum + y, 0) / count
  const spread = points.reduce((sum, [x]) => sum + (x - meanX) ** 2, 0)
  const slope = spread === 0 ? 0 : points.reduce((sum, [x, y]) => sum + (x - meanX) * (y - meanY), 0) / spread
  if (count < 3 || spread === 0) return { slope, margin: Infinity }
  const missed = points.reduce((sum, [x, y]) => sum + (y - meanY - slope * (x - meanX)) ** 2, 0)
  return { slope, margin: studentOf(count - 2) * Math.sqrt(missed / (count - 2) / spread) }
}

/** The 97.5 % quantile of Student's distribution: within 1 % from 3 degrees of freedom on. */
function studentOf(degrees: number): number {
  if (degrees < 3) return degrees === 1 ? 12.71 : 4.303
  return 1.96 + 2.372 / degrees + 2.822 / degrees ** 2 + 2.556 / degrees ** 3 + 1.6 / degrees ** 4
}

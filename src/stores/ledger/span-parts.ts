import type { EpochMs } from '../../domain/instant.ts'
import type { UtcGrain } from './utc-grain.ts'

/** A half-open span of time. */
export interface Span {
  readonly from: EpochMs
  readonly to: EpochMs
}

/** Rows of one rollup that are added to a sum, or taken off it. */
export interface Part<G> extends Span {
  readonly grain: G
  readonly sign: 1 | -1
}

/**
 * The parts that a span is the sum of, in as few rows as there are: what is coarse covers the span or a little more or less of
 * it, and what is finer makes up for that.
 *
 *     span                 |--------------------------|
 *     months       |---------------|---------------|---------------|
 *     parts        |+++++++++++++++|+++++++++++++++++++++++++++++++|
 *                  |-------|                          |------------|     of days, and so on
 *
 * @param grains the coarsest first; both ends of the span are starts of the last one's spans
 * @param data outside of it there are no rows: what lies there costs nothing
 */
export function* partsOf<G extends UtcGrain>(grains: readonly G[], span: Span, data: Span, sign: 1 | -1 = 1): Iterable<Part<G>> {
  const [grain, ...finer] = grains
  const from = Math.max(span.from, data.from)
  const to = Math.min(span.to, data.to)
  if (grain === undefined || from >= to) return
  const length = (a: EpochMs, b: EpochMs) => Math.max(0, Math.min(b, data.to) - Math.max(a, data.from))
  const isStartBefore = length(grain.floor(from), from) < length(from, grain.ceil(from))
  const isEndBehind = length(to, grain.ceil(to)) <= length(grain.floor(to), to)
  const startsAt = isStartBefore ? grain.floor(from) : grain.ceil(from)
  const endsAt = isEndBehind ? grain.ceil(to) : grain.floor(to)
  const head = { from: Math.min(startsAt, from), to: Math.max(startsAt, from) }
  const tail = { from: Math.min(endsAt, to), to: Math.max(endsAt, to) }
  if (startsAt >= endsAt || length(head.from, head.to) + length(tail.from, tail.to) > to - from) {
    yield* partsOf(finer, { from, to }, data, sign)
    return
  }
  yield { grain, from: startsAt, to: endsAt, sign }
  yield* partsOf(finer, head, data, isStartBefore ? opposite(sign) : sign)
  yield* partsOf(finer, tail, data, isEndBehind ? opposite(sign) : sign)
}

function opposite(sign: 1 | -1): 1 | -1 {
  return sign === 1 ? -1 : 1
}

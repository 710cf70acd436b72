import type { TokenCounts, Usage } from './usage.ts'

/** Counts as a report has them, one beside the other. */
export interface ReportedCounts {
  readonly input?: number | undefined
  readonly cachedInput?: number | undefined
  readonly cacheWrite?: number | undefined
  readonly cacheWriteHour?: number | undefined
  readonly audioInput?: number | undefined
  readonly cachedAudioInput?: number | undefined
  readonly imageInput?: number | undefined
  readonly cachedImageInput?: number | undefined
  readonly output?: number | undefined
  readonly reasoning?: number | undefined
  readonly audioOutput?: number | undefined
  readonly imageOutput?: number | undefined
  readonly webSearches?: number | undefined
  readonly audioSeconds?: number | undefined
  readonly requests?: number | undefined
}

/** Each part in its whole, without the counts that are not there: absent is not zero. */
export function tokenCounts(all: ReportedCounts): TokenCounts {
  const input = present({
    total: all.input,
    cached: all.cachedInput,
    cacheWrite: all.cacheWrite,
    cacheWriteHour: all.cacheWriteHour,
    audio: all.audioInput,
    cachedAudio: all.cachedAudioInput,
    image: all.imageInput,
    cachedImage: all.cachedImageInput,
  })
  const output = present({ total: all.output, reasoning: all.reasoning, audio: all.audioOutput, image: all.imageOutput })
  const beside = present({ webSearches: all.webSearches, audioSeconds: all.audioSeconds, requests: all.requests })
  return { ...(input === undefined ? {} : { input }), ...(output === undefined ? {} : { output }), ...beside }
}

/**
 * The usage of a record, also of one that was written when the parts of counts stood beside their wholes.
 * @param usage as the record has it
 */
export function recordedUsage(usage: Usage): Usage {
  return usage.kind === 'none' || isNested(usage.counts) ? usage : { ...usage, counts: tokenCounts(usage.counts) }
}

/** As {@link recordedUsage}, of counts alone. */
export function recordedCounts(counts: TokenCounts | ReportedCounts): TokenCounts {
  return isNested(counts) ? counts : tokenCounts(counts)
}

/** A record is not parsed again: its counts may be of either form, whatever their type says. */
function isNested(counts: TokenCounts | ReportedCounts): counts is TokenCounts {
  if (typeof counts.input === 'object' || typeof counts.output === 'object') return true
  return Object.keys(counts).every((name) => name === 'webSearches' || name === 'audioSeconds' || name === 'requests')
}

/** Undefined where none is there. */
function present<Name extends string>(counts: Readonly<Record<Name, number | undefined>>): { [Key in Name]?: number } | undefined {
  const found: { [Key in Name]?: number } = {}
  let isEmpty = true
  for (const name in counts) {
    const count = counts[name]
    if (count === undefined) continue
    found[name] = count
    isEmpty = false
  }
  return isEmpty ? undefined : found
}

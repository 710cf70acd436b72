import type { TokenCounts } from '../domain/usage.ts'

const NAMES = [
  'input',
  'cachedInput',
  'cacheWrite',
  'cacheWriteHour',
  'audioInput',
  'cachedAudioInput',
  'imageInput',
  'cachedImageInput',
  'output',
  'reasoning',
  'audioOutput',
  'imageOutput',
  'webSearches',
  'audioSeconds',
] as const satisfies readonly (keyof TokenCounts)[]

/** Without the counts that are not there: absent is not zero. */
export function tokenCounts(all: { readonly [Name in keyof TokenCounts]?: number | undefined }): TokenCounts {
  const present: { -readonly [Name in keyof TokenCounts]: TokenCounts[Name] } = {}
  for (const name of NAMES) {
    const count = all[name]
    if (count !== undefined) present[name] = count
  }
  return present
}

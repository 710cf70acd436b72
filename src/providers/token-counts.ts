import { PARTS, type TokenCounts } from '../domain/usage/usage.ts'

/** Without the counts that are not there: absent is not zero. */
export function tokenCounts(all: { readonly [Name in keyof TokenCounts]?: number | undefined }): TokenCounts {
  const present: { -readonly [Name in keyof TokenCounts]: TokenCounts[Name] } = {}
  for (const name of PARTS) {
    const count = all[name]
    if (count !== undefined) present[name] = count
  }
  return present
}

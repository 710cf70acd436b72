/** White space, and the bytes of a byte order mark. */
const SKIPPED: ReadonlySet<number | undefined> = new Set([0x20, 0x09, 0x0a, 0x0d, 0xef, 0xbb, 0xbf])
const OPENING_BRACE = 0x7b
const OPENING_BRACKET = 0x5b

/**
 * What a body begins with, whatever its content type says: `object` and `list` are JSON, `other` is anything else, such as
 * events. Undefined: nothing came yet but white space, which some providers send to keep a connection open
 * (https://api-docs.deepseek.com/quick_start/rate_limit).
 */
export function beginningOf(bytes: Buffer): 'object' | 'list' | 'other' | undefined {
  let at = 0
  while (at < bytes.length && SKIPPED.has(bytes[at])) at++
  if (at === bytes.length) return undefined
  if (bytes[at] === OPENING_BRACE) return 'object'
  return bytes[at] === OPENING_BRACKET ? 'list' : 'other'
}

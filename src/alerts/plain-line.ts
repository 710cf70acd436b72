// Control characters and line ends could begin a new header or line; direction marks could show a text in another order.
const UNPRINTABLE = /[\p{Cc}\p{Zl}\p{Zp}\u200e\u200f\u202a-\u202e\u2066-\u2069]+/gu

/**
 * Text of foreign origin as one harmless line: well-formed, without control characters, at most `lengthMax` characters.
 * Escaping for where it is shown (HTML, Slack) is still to be done.
 */
export function plainLine(text: string, lengthMax: number): string {
  const line = text.toWellFormed().replace(UNPRINTABLE, ' ').trim()
  const characters = Array.from(line)
  return characters.length <= lengthMax ? line : `${characters.slice(0, lengthMax - 1).join('')}…`
}

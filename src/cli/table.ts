import { formatUsd } from '../domain/amount.ts'

/**
 * Columns by display width: `left` and `right` say how each is aligned. Names come from callers too: what would steer the
 * terminal or break the line is shown as U+FFFD, save the colours of `paint`.
 */
export function table(cells: readonly (readonly string[])[], align: readonly ('left' | 'right')[]): string {
  const rows = cells.map((row) => row.map((cell) => cell.replaceAll(/\p{Cc}\[(?:0|2|31|32|33)m|\p{Cc}/gu, shownControl)))
  const widths = align.map((_, column) => Math.max(0, ...rows.map((row) => widthOf(row[column] ?? ''))))
  const lines = rows.map((row) =>
    row
      .map((cell, column) => pad(cell, widths[column] ?? 0, align[column] ?? 'left'))
      .join('  ')
      .trimEnd(),
  )
  return lines.map((line) => `${line}\n`).join('')
}

/** How many columns of a terminal a text takes: no escape codes, two for wide characters, none for combining ones. */
function widthOf(text: string): number {
  let width = 0
  // oxlint-disable-next-line no-control-regex
  for (const character of text.replaceAll(/\u001B\[[\d;]*m/g, '')) {
    if (/\p{M}|\p{Cf}/u.test(character)) continue
    width += /\p{Emoji_Presentation}|[\u1100-\u115F\u2E80-\uA4CF\uAC00-\uD7A3\uF900-\uFAFF\uFE30-\uFE6F\uFF00-\uFF60\uFFE0-\uFFE6]/u.test(
      character,
    )
      ? 2
      : 1
  }
  return width
}

function shownControl(found: string): string {
  return found.startsWith('\u001B[') ? found : '\uFFFD'
}

function pad(cell: string, width: number, align: 'left' | 'right'): string {
  const space = ' '.repeat(Math.max(0, width - widthOf(cell)))
  return align === 'left' ? cell + space : space + cell
}

/** Longer names would push every other column of their table off the screen. */
const NAME_COLUMNS_MAX = 40

/** A name as a table shows it: the end of a long one is left out. JSON has all of it. */
export function shortName(name: string): string {
  if (widthOf(name) <= NAME_COLUMNS_MAX) return name
  let short = ''
  for (const character of name) {
    if (widthOf(short + character) >= NAME_COLUMNS_MAX) break
    short += character
  }
  return `${short}…`
}

/** The name of a budget's account: that of the budget, and the value of `each`. */
export function accountName({ name, account }: { readonly name: string; readonly account: string | null }): string {
  return account === null ? shortName(name) : `${shortName(name)} (${shortName(account)})`
}

const BAR_CHARS = 20

/** `#####---------------` */
export function bar(percent: number): string {
  const filled = Math.max(0, Math.min(BAR_CHARS, Math.floor((percent / 100) * BAR_CHARS)))
  return '#'.repeat(filled) + '-'.repeat(BAR_CHARS - filled)
}

/** An amount as the API gives it (money in USD). */
export function amount(unit: string, value: number): string {
  return unit === 'usd' ? `$${formatUsd(value)}` : value.toLocaleString('en-US')
}

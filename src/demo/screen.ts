/** Where the demo shows what happens. */
export interface Screen {
  /** Draws the table, over the last one on a terminal. */
  readonly draw: (lines: readonly string[]) => void
  /** Says something that stays. */
  readonly say: (text: string) => void
}

export interface ScreenOptions {
  readonly out: { write: (text: string) => unknown }
  readonly isTty: boolean
  /** The terminal's width: longer lines of the table are cut, for a wrapped one could not be drawn over. */
  readonly columns: number
}

// A log needs no seven pictures a second.
const PLAIN_EVERY = 10
const ESCAPE = '\u001B'

/** A table that is redrawn in place on a terminal; elsewhere it is printed now and then. */
export function createScreen({ out, isTty, columns }: ScreenOptions): Screen {
  let drawn = 0
  let draws = 0
  return {
    draw: (lines) => {
      if (!isTty && draws++ % PLAIN_EVERY !== 0) return
      const over = isTty && drawn > 0 ? `${ESCAPE}[${drawn}A${ESCAPE}[J` : ''
      const shown = isTty ? lines.map((line) => cut(line, columns - 1)) : lines
      out.write(`${over}${shown.join('\n')}\n`)
      drawn = lines.length
    },
    say: (text) => {
      drawn = 0
      out.write(`${text}\n`)
    },
  }
}

/** The first columns of a line. Its colour codes stay, for they take no columns. */
function cut(line: string, columns: number): string {
  const [plain = '', ...painted] = line.split(ESCAPE)
  let left = columns - plain.length
  let shown = plain.slice(0, columns)
  for (const part of painted) {
    const codeEnd = part.indexOf('m') + 1
    shown += ESCAPE + part.slice(0, codeEnd + Math.max(0, left))
    left -= part.length - codeEnd
  }
  return shown
}

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

/** A table that is redrawn in place on a terminal; elsewhere it is printed now and then. */
export function createScreen({ out, isTty, columns }: ScreenOptions): Screen {
  let drawn = 0
  let draws = 0
  return {
    draw: (lines) => {
      if (!isTty && draws++ % PLAIN_EVERY !== 0) return
      const over = isTty && drawn > 0 ? `\u001B[${drawn}A\u001B[J` : ''
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

/** The first columns of a line; escape codes take none, and a cut line ends with colours off. */
function cut(line: string, columns: number): string {
  let width = 0
  let shown = ''
  for (const part of line.split(/(\u001B\[\d+m)/)) {
    const isCode = part.startsWith('\u001B')
    shown += isCode ? part : part.slice(0, Math.max(0, columns - width))
    width += isCode ? 0 : part.length
  }
  return shown
}

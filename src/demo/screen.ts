/** Where the demo shows what happens. */
export interface Screen {
  /** Draws the table, over the last one on a terminal. */
  readonly draw: (lines: readonly string[]) => void
  /** Says something that stays. */
  readonly say: (text: string) => void
}

/** A table that is redrawn in place on a terminal; elsewhere it is printed now and then. */
export function createScreen(out: { write: (text: string) => unknown }, isTty: boolean): Screen {
  let drawn = 0
  let draws = 0
  const clear = () => {
    if (isTty && drawn > 0) out.write(`\u001B[${drawn}A\u001B[J`)
    drawn = 0
  }
  return {
    draw: (lines) => {
      // A log needs no ten pictures a second.
      if (!isTty && draws++ % PLAIN_EVERY !== 0) return
      clear()
      out.write(`${lines.join('\n')}\n`)
      drawn = lines.length
    },
    say: (text) => {
      clear()
      out.write(`${text}\n`)
    },
  }
}

const PLAIN_EVERY = 10

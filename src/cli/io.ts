/** Where a command reads and writes. */
export interface Io {
  readonly stdout: { write: (text: string) => unknown }
  readonly stderr: { write: (text: string) => unknown }
  readonly env: Readonly<Record<string, string | undefined>>
  readonly isTty: boolean
  readonly columns: number
  readonly fetch: typeof fetch
}

/** True where colours are wanted: on a terminal, unless NO_COLOR says otherwise (https://no-color.org). */
function hasColor({ env, isTty }: Io): boolean {
  return isTty && (env['NO_COLOR'] ?? '') === ''
}

const CODES = { red: 31, yellow: 33, green: 32, dim: 2 } as const

/** The text in that colour, where colours are wanted. */
export function paint(io: Io, color: keyof typeof CODES, text: string): string {
  return hasColor(io) ? `\u001B[${CODES[color]}m${text}\u001B[0m` : text
}

/** Writes an answer as JSON where that was asked for, else as `text` says it. */
export function print(io: Io, options: { readonly json?: boolean | undefined }, answer: unknown, text: () => string): void {
  const shown = options.json === true ? JSON.stringify(answer, null, 2) : text()
  io.stdout.write(shown.endsWith('\n') || shown === '' ? shown : `${shown}\n`)
}

import { plainLine } from '../plain-line.ts'

const LENGTH_MAX = 160
/** Shorter parts are no secrets, and would make holes everywhere. */
const SECRET_LENGTH_MIN = 4

/**
 * The first line of what a receiver said, as it may be kept and shown: one plain line of at most 160 characters.
 * @param secrets what the receiver was told and may repeat, as it stands in the URL; also looked for without percent-encoding
 */
export function quotable(said: string, secrets: readonly string[]): string {
  const [line = ''] = said.trim().split('\n')
  const spellings = secrets.flatMap((secret) => [secret, decoded(secret)]).filter((secret) => secret.length >= SECRET_LENGTH_MIN)
  // First the secrets, then the length: half a secret at the cut would not be recognised.
  return plainLine(
    spellings.reduce((rest, secret) => rest.replaceAll(secret, '[...]'), line),
    LENGTH_MAX,
  )
}

/** Percent-encoding undone, where the text is well-formed percent-encoding. */
export function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

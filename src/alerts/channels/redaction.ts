import { plainLine } from '../plain-line.ts'

const LENGTH_MAX = 160
/** Shorter parts are no secrets, and would make holes everywhere. */
const SECRET_LENGTH_MIN = 4

/**
 * The first line of what a receiver said, as it may be kept and shown: one plain line of at most 160 characters.
 * @param secrets what the receiver was told and may repeat, as it stands in the URL; looked for however it is encoded: in per cent,
 * JSON, HTML, hex and base64, also within a longer text that was encoded as a whole
 */
export function quotable(said: string, secrets: readonly string[]): string {
  const [line = ''] = said.trim().split('\n')
  const spellings = new Set(secrets.flatMap((secret) => [secret, decoded(secret)]).filter(({ length }) => length >= SECRET_LENGTH_MIN))
  // First the secrets, then the length: half a secret at the cut would not be recognised. The longest first: one may be a part of another.
  const patterns = [...spellings].sort((a, b) => b.length - a.length).flatMap(patternsOf)
  return plainLine(
    patterns.reduce((rest, pattern) => rest.replace(pattern, '[...]'), line),
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

function patternsOf(secret: string): readonly RegExp[] {
  const bytes = Buffer.from(secret)
  const texts = [bytes.toString('hex'), ...[0, 1, 2].flatMap((before) => base64Within(bytes, before))]
  const whole = texts.filter(({ length }) => length >= SECRET_LENGTH_MIN * 2).map(escaped)
  return [characterwise(secret), ...whole].map((source) => new RegExp(source, 'gi'))
}

/** Each character as it is, or escaped as URLs, JSON and HTML do; a receiver may escape some and leave others. */
function characterwise(secret: string): string {
  return Array.from(secret, (character) => `(?:${spellingsOf(character).join('|')})`).join('')
}

function spellingsOf(character: string): readonly string[] {
  const percent = [...Buffer.from(character)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('')
  const units = Array.from({ length: character.length }, (_, i) => character.charCodeAt(i).toString(16).padStart(4, '0'))
  const code = character.codePointAt(0) ?? 0
  const named = HTML[character]
  return [
    escaped(character),
    percent,
    `\\\\${escaped(character)}`,
    units.map((unit) => `\\\\u${unit}`).join(''),
    `&#0*${code};`,
    `&#x0*${code.toString(16)};`,
    ...(named === undefined ? [] : [named]),
  ]
}

const HTML: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&apos;' }

/**
 * What of the base64 of a longer text depends on these bytes alone, in both alphabets.
 * @param before how many bytes stand before them in their group of three
 */
function base64Within(bytes: Buffer, before: number): readonly string[] {
  const all = Buffer.concat([Buffer.alloc(before), bytes]).toString('base64')
  const from = Math.ceil((before * 8) / 6)
  const own = all.slice(from, Math.floor(((before + bytes.length) * 8) / 6))
  return [own, own.replaceAll('+', '-').replaceAll('/', '_')]
}

function escaped(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|/-]/g, '\\$&')
}

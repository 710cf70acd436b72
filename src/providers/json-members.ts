/** A member of a JSON object, as places in its bytes. */
export interface Member {
  readonly name: string
  readonly valueStart: number
  /** Behind the value's last byte. */
  readonly valueEnd: number
}

/** Bytes to put in the place of others. */
export interface Splice {
  readonly start: number
  readonly end: number
  readonly text: string
}

const QUOTE = 0x22
const BACKSLASH = 0x5c
const COMMA = 0x2c
const OPENING: ReadonlySet<number> = new Set([0x7b, 0x5b])
const CLOSING: ReadonlySet<number> = new Set([0x7d, 0x5d])
const SPACE: ReadonlySet<number> = new Set([0x20, 0x09, 0x0a, 0x0d])

/**
 * The members of the object that begins at the first `{` from `from` on, in their order.
 * @param bytes valid JSON (it was parsed before): here only places are found
 */
export function jsonMembers(bytes: Buffer, from = 0): readonly Member[] {
  const members: Member[] = []
  let at = skipSpace(bytes, bytes.indexOf('{', from) + 1)
  while (bytes[at] === QUOTE) {
    const nameEnd = endOfString(bytes, at)
    const name = stringAt(bytes, at, nameEnd)
    const valueStart = skipSpace(bytes, skipSpace(bytes, nameEnd) + 1)
    const valueEnd = endOfValue(bytes, valueStart)
    members.push({ name, valueStart, valueEnd })
    at = skipSpace(bytes, valueEnd)
    if (bytes[at] !== COMMA) break
    at = skipSpace(bytes, at + 1)
  }
  return members
}

/** A splice that adds a member in front of the object's others. */
export function insertMember(bytes: Buffer, objectStart: number, name: string, json: string): Splice {
  const at = bytes.indexOf('{', objectStart) + 1
  const isEmpty = jsonMembers(bytes, objectStart).length === 0
  return { start: at, end: at, text: `${JSON.stringify(name)}:${json}${isEmpty ? '' : ','}` }
}

/** The bytes with all splices done; every other byte is as it was. */
export function spliceBytes(bytes: Buffer, splices: readonly Splice[]): Buffer {
  if (splices.length === 0) return bytes
  const parts: Buffer[] = []
  let at = 0
  for (const { start, end, text } of splices.toSorted((a, b) => a.start - b.start)) {
    parts.push(bytes.subarray(at, start), Buffer.from(text))
    at = end
  }
  parts.push(bytes.subarray(at))
  return Buffer.concat(parts)
}

/** A name without an escape, which nearly all are, is its own bytes. */
function stringAt(bytes: Buffer, start: number, end: number): string {
  const text = bytes.toString('utf8', start + 1, end - 1)
  return text.includes('\\') ? String(JSON.parse(`"${text}"`)) : text
}

function skipSpace(bytes: Buffer, from: number): number {
  let at = from
  while (SPACE.has(bytes[at] ?? 0)) at++
  return at
}

function endOfString(bytes: Buffer, start: number): number {
  for (let quote = bytes.indexOf(QUOTE, start + 1); quote >= 0; quote = bytes.indexOf(QUOTE, quote + 1)) {
    let slashes = 0
    while (bytes[quote - 1 - slashes] === BACKSLASH) slashes++
    if (slashes % 2 === 0) return quote + 1
  }
  return bytes.length
}

function endOfValue(bytes: Buffer, start: number): number {
  const first = bytes[start] ?? 0
  if (first === QUOTE) return endOfString(bytes, start)
  return OPENING.has(first) ? endOfNested(bytes, start) : endOfLiteral(bytes, start)
}

function endOfNested(bytes: Buffer, start: number): number {
  let depth = 0
  let at = start
  while (at < bytes.length) {
    const byte = bytes[at] ?? 0
    if (byte === QUOTE) {
      at = endOfString(bytes, at)
      continue
    }
    if (OPENING.has(byte)) depth++
    if (CLOSING.has(byte)) depth--
    at++
    if (depth === 0) return at
  }
  return at
}

function endOfLiteral(bytes: Buffer, start: number): number {
  let at = start
  while (at < bytes.length && bytes[at] !== COMMA && !CLOSING.has(bytes[at] ?? 0) && !SPACE.has(bytes[at] ?? 0)) at++
  return at
}

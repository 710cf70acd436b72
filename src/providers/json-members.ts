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
const OPEN_BRACE = 0x7b
const CLOSE_BRACE = 0x7d
const OPEN_BRACKET = 0x5b
const CLOSE_BRACKET = 0x5d

/**
 * The members of the object that begins at the first `{` from `from` on, in their order.
 * @param bytes valid JSON (it was parsed before): here only places are found
 */
export function jsonMembers(bytes: Buffer, from = 0): readonly Member[] {
  const members: Member[] = []
  let at = skipSpace(bytes, bytes.indexOf(OPEN_BRACE, from) + 1)
  while (bytes[at] === QUOTE) {
    const nameEnd = endOfString(bytes, at)
    const valueStart = skipSpace(bytes, skipSpace(bytes, nameEnd) + 1)
    const valueEnd = endOfValue(bytes, valueStart)
    members.push({ name: stringAt(bytes, at, nameEnd), valueStart, valueEnd })
    at = skipSpace(bytes, valueEnd)
    if (bytes[at] !== COMMA) break
    at = skipSpace(bytes, at + 1)
  }
  return members
}

/** A splice that adds a member in front of the object's others. */
export function insertMember(bytes: Buffer, objectStart: number, name: string, json: string): Splice {
  const at = bytes.indexOf('{', objectStart) + 1
  const isEmpty = bytes[skipSpace(bytes, at)] === CLOSE_BRACE
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
  while (isSpace(bytes[at])) at++
  return at
}

/** Most names and many values are short: up to here a loop is faster than a call to the native search. */
const SHORT_BYTES = 24

function endOfString(bytes: Buffer, start: number): number {
  let at = start + 1
  for (const end = at + SHORT_BYTES; at < end; at++) {
    const byte = bytes[at]
    if (byte === QUOTE) return at + 1
    if (byte === BACKSLASH) at++
  }
  return endOfLongString(bytes, start, at)
}

/** @param from not between a backslash and what it escapes */
function endOfLongString(bytes: Buffer, start: number, from: number): number {
  for (let quote = bytes.indexOf(QUOTE, from); quote >= 0; quote = bytes.indexOf(QUOTE, quote + 1)) {
    let slashes = 0
    while (quote - 1 - slashes > start && bytes[quote - 1 - slashes] === BACKSLASH) slashes++
    if (slashes % 2 === 0) return quote + 1
  }
  return bytes.length
}

function endOfValue(bytes: Buffer, start: number): number {
  const first = bytes[start]
  if (first === QUOTE) return endOfString(bytes, start)
  return isOpening(first) ? endOfNested(bytes, start) : endOfLiteral(bytes, start)
}

function endOfNested(bytes: Buffer, start: number): number {
  let depth = 0
  let at = start
  while (at < bytes.length) {
    const byte = bytes[at]
    if (byte === QUOTE) {
      at = endOfString(bytes, at)
      continue
    }
    if (isOpening(byte)) depth++
    if (isClosing(byte)) depth--
    at++
    if (depth === 0) return at
  }
  return at
}

function endOfLiteral(bytes: Buffer, start: number): number {
  let at = start
  while (at < bytes.length && bytes[at] !== COMMA && !isClosing(bytes[at]) && !isSpace(bytes[at])) at++
  return at
}

function isSpace(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09
}

function isOpening(byte: number | undefined): boolean {
  return byte === OPEN_BRACE || byte === OPEN_BRACKET
}

function isClosing(byte: number | undefined): boolean {
  return byte === CLOSE_BRACE || byte === CLOSE_BRACKET
}

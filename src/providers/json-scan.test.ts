import fc from 'fast-check'
import { expect, test } from 'vitest'
import { checkJson, JSON_DEPTH_MAX, REQUEST_LIMITS } from './json-scan.ts'
import { parseObjectBody } from './request-body.ts'

const nested = (depth: number, open: string, close: string) => `{"x":${open.repeat(depth)}1${close.repeat(depth)}}`

test.each([
  ['[', ']'],
  ['{"0":', '}'],
])('JSON nests up to 128 deep: %s', (open, close) => {
  expect(() => parseObjectBody(Buffer.from(nested(JSON_DEPTH_MAX - 1, open, close)))).not.toThrow()
  for (const depth of [JSON_DEPTH_MAX, 3000, 1_000_000]) {
    expect(() => parseObjectBody(Buffer.from(nested(depth, open, close)))).toThrow('deeper than 128')
  }
})

test('a text of more values, or of more objects and members, than its limit is refused before it is parsed', () => {
  const { values, parts } = REQUEST_LIMITS
  const list = (length: number, item: string) => `{"x":[${`${item},`.repeat(length - 1)}${item}]}`
  expect(() => checkJson(list(values - 2, '1'))).not.toThrow()
  expect(() => checkJson(list(values - 1, '1'))).toThrow(`more than ${values} values`)
  expect(() => checkJson(list(parts - 3, '{}'))).not.toThrow()
  expect(() => checkJson(list(parts - 2, '{}'))).toThrow(`more than ${parts} objects`)
  expect(() => checkJson(list(10_000_000, '{}'))).toThrow(`more than ${parts} objects`)
})

test('any JSON value survives as JSON.parse reads it', () => {
  const indents = fc.constantFrom(0, 1, '\t')
  fc.assert(
    fc.property(fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue(), { maxKeys: 30 }), indents, (value, indent) => {
      fc.pre(Object.keys(value).every((name) => name.isWellFormed()))
      const text = JSON.stringify(value, null, indent)
      expect(parseObjectBody(Buffer.from(text))).toEqual(JSON.parse(text))
    }),
    { numRuns: 500 },
  )
})

/** A name in JSON, in which some of its UTF-16 units are escaped. */
function escaped(name: string, mask: number): string {
  const units = Array.from({ length: name.length }, (_, i) => name.charAt(i))
  const isSplit = (unit: string) => /[\ud800-\udfff"\\]/.test(unit)
  const hex = (unit: string) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`
  return `"${units.map((unit, i) => ((mask >> i) % 2 === 1 || isSplit(unit) ? hex(unit) : JSON.stringify(unit).slice(1, -1))).join('')}"`
}

const WRAPS = [
  (object: string) => object,
  (object: string) => `{"a":${object}}`,
  (object: string) => `{"a":[1,"x",{"y":{}},${object}]}`,
  (object: string) => `{"stream_options":{"a":{"a":1,"a":2}},"b":[${object}]}`,
  (object: string) => `{"stream_options":1,"b":${object}}`,
  (object: string) => `{"b":{"stream_options":${object}}}`,
]

test('a name that stands twice in one object is refused, at any depth, among any others and however it is escaped', () => {
  const names = fc.uniqueArray(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 8 }), { minLength: 1, maxLength: 40 })
  fc.assert(
    fc.property(names, fc.tuple(fc.nat(), fc.nat()), fc.nat(), fc.constantFrom(...WRAPS), (all, [at, place], mask, wrap) => {
      const twice = all[at % all.length] ?? ''
      const members = all.map((name) => `${JSON.stringify(name)}: "v"`)
      expect(() => checkJson(wrap(`{${members.join(' ,')}}`))).not.toThrow()
      members.splice(place % (members.length + 1), 0, `${escaped(twice, mask)}: {"z":1}`)
      expect(() => checkJson(wrap(`{${members.join(',')}}`))).toThrow('twice in one object')
    }),
    { numRuns: 1000 },
  )
})

test('the same name in two objects is no name twice', () => {
  expect(() => checkJson('{"a":{"a":[{"a":1},{"a":2}]},"b":{"a":"a"}}')).not.toThrow()
})

test('whatever the bytes, the text is refused or is what JSON.parse reads', () => {
  const pieces = fc.constantFrom(
    '{',
    '}',
    '[',
    ']',
    '"',
    '\\',
    ':',
    ',',
    '1',
    ' ',
    'a',
    '"a"',
    '"a":',
    'null',
    '\\u0061',
    '\ud800',
    '-',
    '\0',
  )
  fc.assert(
    fc.property(fc.array(pieces, { maxLength: 30 }), (parts) => {
      const bytes = Buffer.from(parts.join(''))
      let read: unknown
      try {
        read = parseObjectBody(bytes)
      } catch {
        return
      }
      expect(read).toEqual(JSON.parse(bytes.toString()))
    }),
    { numRuns: 5000 },
  )
})

test.each([
  ['{"a":1}x', 'no valid JSON'],
  ['\ufeff{"a":1}', 'begins with a byte order mark'],
  ['{"a":1}{}', 'no valid JSON'],
  ['{"a":NaN}', 'no valid JSON'],
  ['{"a":1,}', 'no valid JSON'],
  ["{'a':1}", 'no valid JSON'],
  ['{"a":1 /* b */}', 'no valid JSON'],
  ['', 'no valid JSON'],
  ['[]', 'must be a JSON object'],
  ['null', 'must be a JSON object'],
  ['{"\\ud800":1}', 'whose name is no valid text'],
  ['{"Model":"a"}', '"Model" must be written "model"'],
  ['{"model":"a","MAX_TO\u212aENS":1}', 'must be written "max_tokens"'],
  ['{"stream_options":{"Include_Usage":false}}', 'must be written "include_usage"'],
])('%s is refused: %s', (text, message) => {
  expect(() => parseObjectBody(Buffer.from(text))).toThrow(message)
})

test('bytes that are no UTF-8 are refused', () => {
  expect(() => parseObjectBody(Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]))).toThrow('no valid UTF-8')
  expect(() => parseObjectBody(Buffer.from('{"a":"b"}', 'utf16le'))).toThrow('no valid JSON')
})

/** Counts how many characters of a text are looked at, instead of the time that it takes. */
function charactersRead(text: string): number {
  let reads = 0
  const counted = {
    length: text.length,
    charCodeAt: (at: number) => {
      reads++
      return text.charCodeAt(at)
    },
    indexOf: (search: string, from: number) => {
      const found = text.indexOf(search, from)
      reads += (found < 0 ? text.length : found) - from
      return found
    },
    slice: (start: number, end: number) => {
      reads += end - start
      return text.slice(start, end)
    },
  }
  checkJson(counted, { values: Infinity, parts: Infinity })
  return reads
}

test.each([
  ['members of one object', (n: number) => `{${Array.from({ length: n }, (_, i) => `"k${i}":1`).join()}}`],
  ['members of equal length', (n: number) => `{${Array.from({ length: n }, (_, i) => `"${String(i).padStart(9, 'x')}":1`).join()}}`],
  ['objects', (n: number) => `[${'{"role":"user","content":"a"},'.repeat(n)}1]`],
  ['depth', (n: number) => `[${`${'['.repeat(100)}${']'.repeat(100)},`.repeat(n / 100)}1]`],
  ['a long string', (n: number) => `["${'a\\"'.repeat(n)}"]`],
  ['a string of backslashes', (n: number) => `["${'\\\\'.repeat(n)}"]`],
  ['a long name', (n: number) => `{"${'\\u0061'.repeat(n)}":1}`],
  ['escaped names', (n: number) => `{${Array.from({ length: n }, (_, i) => `"\\u006b${i}":1`).join()}}`],
])('the work grows as the bytes do: %s', (_, text) => {
  const [one, four] = [charactersRead(text(500)), charactersRead(text(2000))]
  expect(four).toBeLessThan(one * 4.6 + 100)
})

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { JsonObjectFramer } from './json-objects.ts'

function elementsOf(bytes: Buffer, cuts: readonly number[]): readonly unknown[] {
  const framer = new JsonObjectFramer()
  const found: unknown[] = []
  let at = 0
  for (let i = 0; at < bytes.length; i++) {
    const next = Math.min(bytes.length, at + (cuts[i % cuts.length] ?? 1))
    for (const text of framer.push(bytes.subarray(at, next))) found.push(JSON.parse(text))
    at = next
  }
  return found
}

const objects = fc.array(fc.dictionary(fc.string(), fc.jsonValue()), { maxLength: 6 })
const cuts = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 10 })

describe('a JSON array that comes in pieces', () => {
  test('gives its objects, however it is written and cut', () => {
    fc.assert(
      fc.property(objects, cuts, fc.constantFrom(0, 2), (list, pieces, indent) => {
        const bytes = Buffer.from(JSON.stringify(list, null, indent))
        expect(elementsOf(bytes, pieces)).toEqual(JSON.parse(bytes.toString()))
      }),
    )
  })

  test('or of lines', () => {
    fc.assert(
      fc.property(objects, cuts, (list, pieces) => {
        const bytes = Buffer.from(list.map((object) => `${JSON.stringify(object)}\n`).join(''))
        expect(elementsOf(bytes, pieces)).toEqual(JSON.parse(JSON.stringify(list)))
      }),
    )
  })

  test('gives an object that stands alone', () => {
    expect(elementsOf(Buffer.from('{"error":{"code":429,"text":"}]\\""}}'), [3])).toEqual([{ error: { code: 429, text: '}]"' } }])
  })

  test('reads whatever bytes come without an error', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), cuts, (bytes, pieces) => {
        const framer = new JsonObjectFramer()
        const size = pieces[0] ?? 1
        for (let at = 0; at < bytes.length; at += size)
          expect(Array.isArray(framer.push(Buffer.from(bytes.subarray(at, at + size))))).toBe(true)
      }),
    )
  })
})

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { RAW_CHARS_MAX, rawText } from '../domain/usage/raw-text.ts'
import { RawUsage } from './raw-usage.ts'

test('what is kept of a report is JSON of a bounded length, whatever the provider sent', () => {
  const long = fc.array(fc.dictionary(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary', maxLength: 100 })), { maxLength: 30 })
  fc.assert(
    fc.property(fc.oneof(fc.jsonValue(), long), (value) => {
      const text = rawText(value) ?? ''
      expect(text.length).toBeLessThanOrEqual(RAW_CHARS_MAX)
      const read: unknown = JSON.parse(text)
      expect(
        read === null || JSON.stringify(value).startsWith(typeof read === 'string' ? read : JSON.stringify(read)) || read === value,
      ).toBe(true)
    }),
  )
})

test('a report that is nested without end does no harm', () => {
  const text = rawText(JSON.parse(`${'['.repeat(200_000)}${']'.repeat(200_000)}`)) ?? ''
  expect(text.length).toBeLessThanOrEqual(RAW_CHARS_MAX)
})

test('of many reports of one answer the first and the last are kept', () => {
  const raw = new RawUsage()
  expect(raw.all).toBeUndefined()
  raw.see(null)
  raw.see({ output_tokens: 1 })
  expect(rawText(raw.all)).toBe('{"output_tokens":1}')
  for (let count = 2; count < 9; count++) raw.see({ output_tokens: count })
  expect(rawText(raw.all)).toBe('[{"output_tokens":1},{"output_tokens":8}]')
})

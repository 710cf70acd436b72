import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { quotable } from './redaction.ts'

const secret = fc.oneof(
  fc.stringMatching(/^[A-Za-z0-9_/+=.-]{12,60}$/),
  fc.string({ minLength: 12, maxLength: 40, unit: 'grapheme-ascii' }).filter((text) => text.trim() === text && !text.includes('%')),
)

const lowerPercent = (text: string) => encodeURIComponent(text).replaceAll(/%../g, (code) => code.toLowerCase())
const everyByte = (text: string) => [...Buffer.from(text)].map((byte) => `%${byte.toString(16)}`).join('')

/** How a receiver may give back what it was told. */
const ENCODINGS: Readonly<Record<string, (text: string) => string>> = {
  'as it is': (text) => text,
  'percent-encoded': encodeURIComponent,
  'percent-encoded in small letters': lowerPercent,
  'percent-encoded in every byte': everyByte,
  'in JSON': (text) => JSON.stringify(text),
  'in JSON with escaped slashes': (text) => JSON.stringify(text).replaceAll('/', '\\/'),
  'in JSON, every character escaped': (text) =>
    text.replaceAll(/[\s\S]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`),
  'in HTML': (text) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;'),
  'in hex': (text) => Buffer.from(text).toString('hex'),
  'in large hex': (text) => Buffer.from(text).toString('hex').toUpperCase(),
  'in base64': (text) => Buffer.from(text).toString('base64'),
  'in base64url': (text) => Buffer.from(text).toString('base64url'),
}

describe('what a receiver repeats of a secret is never shown', () => {
  test.each(Object.entries(ENCODINGS))('%s', (_, encode) => {
    fc.assert(
      fc.property(secret, fc.constantFrom('', 'x', 'no such hook: ', '"'), (text, before) => {
        const shown = quotable(`${before}${encode(text)} is unknown`, [text])
        expect(shown).toContain('[...]')
        expect(shown).not.toContain(encode(text))
      }),
    )
  })

  test('within a whole that was encoded, at any place of it', () => {
    fc.assert(
      fc.property(secret, fc.string({ maxLength: 9 }), fc.string({ maxLength: 9 }), (text, before, after) => {
        const whole = Buffer.from(`${before}${text}${after}`)
        for (const alphabet of ['base64', 'base64url'] as const) {
          const shown = quotable(whole.toString(alphabet), [text])
          expect(shown).toContain('[...]')
          // What is left says no more than the last bits of a character at each end.
          const left = shown.split('[...]').map((part) => Buffer.from(part, alphabet).toString('latin1'))
          expect(left.some((part) => part.includes(text.slice(2, -2)))).toBe(false)
        }
        expect(quotable(whole.toString('hex'), [text])).toContain('[...]')
      }),
    )
  })

  test('a secret that is percent-encoded in the URL is left out when it comes back decoded', () => {
    expect(quotable('no hook a/b c!d', ['a%2Fb%20c!d'])).toBe('no hook [...]')
  })

  test('what is no secret stays, and short parts make no holes', () => {
    expect(quotable('invalid_token: T0 is not known', ['T0', 'B0123456789'])).toBe('invalid_token: T0 is not known')
  })
})

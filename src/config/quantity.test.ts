import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { readCount, readDuration, readNanoUsd, readPicoPerToken, readShare } from './quantity.ts'

const valueOf = (reading: { kind: string; value?: unknown }) => (reading.kind === 'ok' ? reading.value : 'refused')

test.each([
  ['0', 0],
  ['50_000_000', 50_000_000],
  ['50M', 50_000_000],
  ['2.5k', 2500],
  ['2.5K', 2500],
  ['1.5B', 1_500_000_000],
  ['1.000k', 1000],
  ['10.0', 10],
  ['1e6', 1_000_000],
  ['9007199254740991', 9_007_199_254_740_991],
  ['9007199254740992', 'refused'],
  ['9007199.254740992B', 'refused'],
  ['1.0001k', 'refused'],
  ['0.5', 'refused'],
  ['-1', 'refused'],
  ['50m', 'refused'],
  ['1__0', 'refused'],
  ['_1', 'refused'],
  ['0x10', 'refused'],
  ['.inf', 'refused'],
  ['NaN', 'refused'],
  ['1e99', 'refused'],
  ['many', 'refused'],
])('the amount %s is %s', (text, expected) => {
  expect(valueOf(readCount(text))).toBe(expected)
})

test.each([
  ['0.1', 100_000_000],
  ['50', 50_000_000_000],
  ['2.5k', 2_500_000_000_000],
  ['0.000000001', 1],
  ['0.1234567891', 'refused'],
  ['0.1000000000000', 100_000_000],
  ['9007199', 9_007_199_000_000_000],
  ['9007198.123456789', 9_007_198_123_456_789],
  ['9007199.000000001', 'refused'],
  ['9007200', 'refused'],
  ['-0.01', 'refused'],
  ['$50', 'refused'],
])('%s USD are %s nano-USD', (text, expected) => {
  expect(valueOf(readNanoUsd(text))).toBe(expected)
})

test('a limit over 9,007,199 USD is refused with the reason', () => {
  expect(readNanoUsd('10M')).toMatchObject({
    expected: 'at most 9007199 USD: money is counted in integer nano-USD, which are exact up to 2^53',
  })
})

test('an amount of USD becomes exactly the nano-USD that its digits say', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 9_007_198 }), fc.integer({ min: 0, max: 9 }), fc.nat(999_999_999), (whole, digits, part) => {
      const fraction = String(part).padStart(9, '0').slice(0, digits)
      const nano = BigInt(whole) * 1_000_000_000n + BigInt(fraction.padEnd(9, '0'))
      expect(readNanoUsd(digits === 0 ? String(whole) : `${whole}.${fraction}`)).toEqual({ kind: 'ok', value: Number(nano) })
      expect(BigInt(Number(nano))).toBe(nano)
    }),
  )
})

test('a price becomes exactly the pico-USD per token that its digits say', () => {
  fc.assert(
    fc.property(fc.nat(9999), fc.nat(999_999), (whole, part) => {
      const pico = BigInt(whole) * 1_000_000n + BigInt(part)
      expect(readPicoPerToken(`${whole}.${String(part).padStart(6, '0')}`)).toEqual({ kind: 'ok', value: Number(pico) })
    }),
  )
})

test.each([
  ['0.0375', 37_500],
  ['2.50', 2_500_000],
  ['0', 0],
  ['10000', 10_000_000_000],
  ['10000.000001', 'refused'],
  ['0.0000001', 'refused'],
  ['-1', 'refused'],
])('%s USD per million tokens are %s pico-USD per token', (text, expected) => {
  expect(valueOf(readPicoPerToken(text))).toBe(expected)
})

test.each([
  ['500ms', 500],
  ['2s', 2000],
  ['15m', 900_000],
  ['1.5h', 5_400_000],
  ['1d', 86_400_000],
  ['0', 0],
  ['0s', 0],
  ['0.1s', 100],
  ['24d', 2_073_600_000],
  ['25d', 'refused'],
  ['0.5ms', 'refused'],
  ['15', 'refused'],
  ['-1s', 'refused'],
  ['2 weeks', 'refused'],
])('the duration %s is %s ms', (text, expected) => {
  expect(valueOf(readDuration(text))).toBe(expected)
})

test.each([
  ['400d', 34_560_000_000],
  ['36525d', 3_155_760_000_000],
  ['36526d', 'refused'],
  ['23h', 'refused'],
])('the duration %s, of a day to a century, is %s ms', (text, expected) => {
  expect(valueOf(readDuration(text, { minMs: 86_400_000, daysMax: 36_525 }))).toBe(expected)
})

test.each([
  ['0.8', 0.8],
  ['1', 1],
  ['0', 'refused'],
  ['1.01', 'refused'],
  ['-0.5', 'refused'],
  ['80', 'refused'],
  ['1k', 'refused'],
])('the share %s is %s', (text, expected) => {
  expect(valueOf(readShare(text))).toBe(expected)
})

test('a per cent value is answered with the share that was meant', () => {
  expect(readShare('80')).toMatchObject({ hint: 'did you mean 0.8?' })
  expect(readShare('85%')).toMatchObject({ hint: 'did you mean 0.85?' })
  expect(readShare('8000')).not.toHaveProperty('hint')
})

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { amountFor, type CallBound, demandIn, outputThatFits } from './bound.ts'
import { AMOUNT_MAX, isAmount } from '../amount.ts'
import {
  costNanoUsd,
  dearestInputPico,
  dearestOutputPico,
  dearestPrice,
  type Price,
  type Rates,
  ratesAt,
  type ServiceTier,
} from './price.ts'
import { type ReportedCounts, tokenCounts } from './token-counts.ts'
import { chargedCounts, type ChargedTokens } from './usage.ts'

const many = fc.nat(2_000_000)
const some = fc.nat(200_000)
const tokens: fc.Arbitrary<ChargedTokens> = fc
  .record({
    input: many,
    cachedInput: many,
    cacheWrite: many,
    cacheWriteHour: many,
    audioInput: many,
    cachedAudioInput: many,
    imageInput: many,
    cachedImageInput: many,
    output: some,
    reasoning: some,
    audioOutput: some,
    imageOutput: some,
  })
  .map((counts) => chargedCounts(tokenCounts(counts)))
const spent = (counts: ReportedCounts) => chargedCounts(tokenCounts({ requests: 0, ...counts }))

/** Up to 600 USD per million tokens; pico-USD per token are micro-USD per million. */
const pico = fc.oneof(fc.constant(0), fc.nat(1000), fc.nat(600_000_000))
const rates: fc.Arbitrary<Rates> = fc.record(
  {
    inputPico: pico,
    cachedInputPico: pico,
    cacheWritePico: pico,
    outputPico: pico,
    cacheWriteHourPico: pico,
    audioInputPico: pico,
    cachedAudioInputPico: pico,
    imageInputPico: pico,
    cachedImageInputPico: pico,
    audioOutputPico: pico,
    imageOutputPico: pico,
    reasoningPico: pico,
  },
  { requiredKeys: ['inputPico', 'cachedInputPico', 'cacheWritePico', 'outputPico'] },
)
const prices: fc.Arbitrary<Price> = fc
  .tuple(rates, fc.option(rates, { nil: undefined }), fc.nat(2_000_000))
  .map(([base, long, above]) => (long === undefined ? base : { ...base, longer: [{ above, rates: long }] }))
const tiers = fc.constantFrom<(ServiceTier | undefined)[]>(undefined, 'batch', 'flex', 'priority')
/** As OpenAI sells them: half for a batch, five thirds for priority. */
const IN_TIERS: Pick<Price, 'tiers'> = { tiers: { batch: [1, 2], priority: [5, 3] } }

const price = (more: Partial<Price>): Price => ({ inputPico: 0, cachedInputPico: 0, cacheWritePico: 0, outputPico: 0, ...more })

/** The same in integers of any size: each token by itself has one rate, no rounding before the end. */
function exactPico({ input, output }: ChargedTokens, at: Price): bigint {
  const of = ratesAt(at, input.total)
  const written = Math.min(input.cacheWrite, input.total - input.cached)
  const forHour = Math.min(input.cacheWriteHour, written)
  const plain = input.total - input.cached - written
  const audio = Math.min(input.audio - input.cachedAudio, plain)
  const image = Math.min(input.image - input.cachedImage, plain - audio)
  const cachedText = input.cached - input.cachedAudio - input.cachedImage
  const text = output.total - output.audio - output.image
  const reasoned = Math.min(output.reasoning, text)
  const parts: readonly (readonly [number, number])[] = [
    [plain - audio - image, of.inputPico],
    [audio, of.audioInputPico ?? of.inputPico],
    [image, of.imageInputPico ?? of.inputPico],
    [cachedText, of.cachedInputPico],
    [input.cachedAudio, of.cachedAudioInputPico ?? of.cachedInputPico],
    [input.cachedImage, of.cachedImageInputPico ?? of.cachedInputPico],
    [written - forHour, of.cacheWritePico],
    [forHour, of.cacheWriteHourPico ?? of.cacheWritePico],
    [text - reasoned, of.outputPico],
    [reasoned, of.reasoningPico ?? of.outputPico],
    [output.audio, of.audioOutputPico ?? of.outputPico],
    [output.image, of.imageOutputPico ?? of.outputPico],
  ]
  expect(parts.reduce((sum, [count]) => sum + count, 0)).toBe(input.total + output.total)
  expect(parts.every(([count]) => count >= 0)).toBe(true)
  return parts.reduce((sum, [count, rate]) => sum + BigInt(count) * BigInt(rate), 0n)
}

describe('a cost is exact', () => {
  test('to the nano-USD, rounded once and half up, as in integers of any size', () => {
    fc.assert(
      fc.property(tokens, prices, (counts, at) => {
        expect(BigInt(costNanoUsd(counts, at))).toBe((exactPico(counts, at) + 500n) / 1000n)
      }),
      { numRuns: 20_000 },
    )
  })

  test('also in a class that costs a fraction of the price, whatever the fraction', () => {
    const fraction = fc.tuple(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 20 }))
    fc.assert(
      fc.property(tokens, prices, fraction, (counts, at, [numerator, denominator]) => {
        const scale = 1000n * BigInt(denominator)
        const exact = (2n * exactPico(counts, at) * BigInt(numerator) + scale) / (2n * scale)
        expect(BigInt(costNanoUsd(counts, { ...at, tiers: { flex: [numerator, denominator] } }, 'flex'))).toBe(exact)
      }),
      { numRuns: 5000 },
    )
  })

  test('a class that the price does not know costs the price', () => {
    const at = price({ inputPico: 3000, ...IN_TIERS })
    expect(costNanoUsd(spent({ input: 10 }), at, 'flex')).toBe(30)
    expect(costNanoUsd(spent({ input: 10 }), at, 'batch')).toBe(15)
    expect(costNanoUsd(spent({ input: 10 }), at, 'priority')).toBe(50)
  })

  test('one token past the border of a longer context, all tokens cost more', () => {
    const at = price({ inputPico: 1000, longer: [{ above: 200_000, rates: price({ inputPico: 2000, outputPico: 4000 }) }] })
    expect(costNanoUsd(spent({ input: 200_000, output: 1 }), at)).toBe(200_000)
    expect(costNanoUsd(spent({ input: 200_001, output: 1 }), at)).toBe(400_002 + 4)
  })

  test('a call, a search of the web and a second of audio have prices of their own', () => {
    const at = price({ requestPico: 12_000_000, webSearchPico: 10_000_000, audioSecondPico: 100_000_000 })
    expect(costNanoUsd(spent({ input: 1, requests: 1 }), at)).toBe(12_000)
    expect(costNanoUsd(spent({ input: 1, requests: 3 }), at)).toBe(36_000)
    expect(costNanoUsd(spent({ webSearches: 3 }), at)).toBe(30_000)
    expect(costNanoUsd(spent({ audioSeconds: 2 }), at)).toBe(200_000)
  })

  test('to the nano-USD up to the last sum that is a safe integer; beyond it is an amount still, so that a call can always be settled', () => {
    const large = fc.record({ input: fc.nat(AMOUNT_MAX), inputPico: fc.integer({ min: 1, max: 1_000_000_000 }) })
    fc.assert(
      fc.property(large, fc.boolean(), ({ input, inputPico }, isNearEnd) => {
        const counts = spent({ input: isNearEnd ? Math.floor(AMOUNT_MAX / inputPico) : input })
        const exact = exactPico(counts, price({ inputPico }))
        const cost = costNanoUsd(counts, price({ inputPico }))
        const expected = (exact + 500n) / 1000n
        if (exact <= BigInt(AMOUNT_MAX)) expect(BigInt(cost)).toBe(expected)
        else expect(Math.abs(cost - Math.min(Number(expected), AMOUNT_MAX))).toBeLessThanOrEqual(cost / 1e12)
        expect(isAmount(cost)).toBe(true)
      }),
      { numRuns: 5000 },
    )
  })

  test('a price of 0.0375 USD per million tokens is kept to its last digit', () => {
    const cheap = price({ inputPico: 37_500 })
    expect(costNanoUsd(spent({ input: 1_000_000 }), cheap)).toBe(37_500_000)
    expect(costNanoUsd(spent({ input: 2 }), cheap)).toBe(75)
    expect(costNanoUsd(spent({ input: 1 }), cheap)).toBe(38)
  })

  test('half a nano-USD is rounded up, less is dropped, and no part is rounded by itself', () => {
    expect(costNanoUsd(spent({ input: 1 }), price({ inputPico: 499 }))).toBe(0)
    expect(costNanoUsd(spent({ input: 1 }), price({ inputPico: 500 }))).toBe(1)
    expect(costNanoUsd(spent({ input: 1, output: 1 }), price({ inputPico: 499, outputPico: 499 }))).toBe(1)
  })

  test('no tokens cost nothing', () => {
    fc.assert(
      fc.property(prices, (at) => {
        expect(costNanoUsd(spent({}), at)).toBe(0)
      }),
    )
  })
})

describe('each input token is priced once', () => {
  const parts = price({ inputPico: 1_000_000, cachedInputPico: 100_000, cacheWritePico: 1_250_000 })

  test('cached and written tokens at their own price, the rest plain', () => {
    expect(costNanoUsd(spent({ input: 100, cachedInput: 30, cacheWrite: 20 }), parts)).toBe(50 * 1000 + 30 * 100 + 20 * 1250)
  })

  test('where the parts overlap, a cached token is cached, and the plain rest is not below 0', () => {
    expect(costNanoUsd(spent({ input: 2168, cachedInput: 2161, cacheWrite: 2161 }), parts)).toBe(2161 * 100 + 7 * 1250)
    expect(costNanoUsd(spent({ input: 10, cachedInput: 10, cacheWrite: 10 }), parts)).toBe(1000)
  })

  test('reasoning is a part of the output and is not priced again', () => {
    const counts = spent({ output: 100, reasoning: 90 })
    expect(costNanoUsd(counts, price({ outputPico: 10_000 }))).toBe(1000)
  })

  test('the input never costs more than all of it at its dearest part', () => {
    fc.assert(
      fc.property(tokens, prices, (counts, at) => {
        const input = { ...counts, output: spent({}).output }
        const { total } = counts.input
        expect(costNanoUsd(input, at)).toBeLessThanOrEqual(Math.ceil((total * dearestInputPico(at, { input: total })) / 1000))
      }),
    )
  })
})

describe('a bound in USD bounds', () => {
  const bounds: fc.Arbitrary<CallBound> = fc.record({
    input: fc.nat(2_000_000),
    outputMax: fc.nat(100_000),
    outputMin: fc.constant(0),
    choices: fc.integer({ min: 1, max: 8 }),
  })

  test('every call that stays within its tokens costs at most the bound, whatever parts it has and class it is answered in', () => {
    fc.assert(
      fc.property(tokens, prices, fc.tuple(tiers, fc.boolean()), fc.nat(1000), (used, at, [tier, isLess], more) => {
        const offered = { ...at, ...IN_TIERS }
        const bound = {
          input: used.input.total + more,
          outputMax: used.output.total,
          outputMin: 0,
          choices: 1,
          ...(tier === undefined ? {} : { tier }),
        }
        // A class that was asked for is not always had.
        const cost = costNanoUsd(used, offered, isLess ? undefined : tier)
        expect(cost).toBeLessThanOrEqual(amountFor(demandIn({ unit: 'usd' }, bound, offered), bound.outputMax))
      }),
      { numRuns: 5000 },
    )
  })

  test('where several models may answer, it bounds the cost at each of their prices', () => {
    fc.assert(
      fc.property(tokens, fc.array(prices, { minLength: 1, maxLength: 3 }), fc.tuple(tiers, fc.nat()), (used, all, [tier, nr]) => {
        const offered = all.map((at, i) => (i === 0 ? { ...at, ...IN_TIERS } : at))
        const bound = { input: used.input.total, outputMax: used.output.total, outputMin: 0, choices: 1, price: dearestPrice(offered) }
        const held = amountFor(demandIn({ unit: 'usd' }, tier === undefined ? bound : { ...bound, tier }, offered[0]), bound.outputMax)
        expect(costNanoUsd(used, offered[nr % offered.length]!, tier)).toBeLessThanOrEqual(held)
      }),
      { numRuns: 2000 },
    )
  })

  test('it is the exact cost at the dearest parts, rounded up', () => {
    fc.assert(
      fc.property(bounds, prices, (bound, at) => {
        const exact =
          BigInt(bound.input) * BigInt(dearestInputPico(at, bound)) +
          BigInt(bound.outputMax * bound.choices) * BigInt(dearestOutputPico(at, bound))
        expect(BigInt(amountFor(demandIn({ unit: 'usd' }, bound, at), bound.outputMax))).toBe((exact + 999n) / 1000n)
      }),
      { numRuns: 5000 },
    )
  })

  test('the output that fits does fit, and one token more does not, in rooms of any size', () => {
    const rooms = fc.oneof(fc.nat(10_000_000), fc.nat(9_000_000_000_000), fc.maxSafeNat())
    const units = fc.constantFrom('tokens' as const, 'usd' as const)
    fc.assert(
      fc.property(bounds, prices, rooms, units, (bound, at, room, unit) => {
        const demand = demandIn({ unit }, bound, at)
        fc.pre(demand.perOutput > 0)
        const fits = outputThatFits(demand, room)
        // Past 2^53 pico-USD a call is too dear to be bounded exactly, and is kept out.
        const isBounded = demand.fixed + demand.perOutput * (fits + 1) <= AMOUNT_MAX
        expect(fits < 0 || amountFor(demand, fits) <= room).toBe(true)
        expect(fits < -1 || !isBounded || amountFor(demand, fits + 1) > room).toBe(true)
      }),
      { numRuns: 20_000 },
    )
  })

  test('without a price there is no demand in USD: only a caller that refuses unpriced calls keeps a cap in USD', () => {
    const bound = { input: 10, outputMax: 10, outputMin: 0, choices: 1 }
    expect(amountFor(demandIn({ unit: 'usd' }, bound, undefined), 10)).toBe(0)
  })

  test('n answers may each be as long as the maximum', () => {
    const bound = { input: 10, outputMax: 100, outputMin: 0, choices: 3 }
    expect(amountFor(demandIn({ unit: 'tokens' }, bound, undefined), 100)).toBe(310)
    expect(amountFor(demandIn({ unit: 'usd' }, bound, price({ inputPico: 1000, outputPico: 2000 })), 100)).toBe(610)
    expect(amountFor(demandIn({ unit: 'requests' }, bound, undefined), 100)).toBe(1)
  })
})

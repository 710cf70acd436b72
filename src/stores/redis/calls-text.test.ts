import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type AccountKey, toAccountKey, toBudgetId, toCallId } from '../../domain/ids.ts'
import type { Price } from '../../domain/usage/price.ts'
import type { Attributes } from '../../domain/budgets/scope.ts'
import type { Usage } from '../../domain/usage/usage.ts'
import { AT } from '../contract/sample-records.ts'
import { type EndedHold, fromCallsText, toCallsText } from './calls-text.ts'

const ATTRIBUTES: readonly Attributes[] = [
  { provider: 'openai', model: 'gpt-5', tags: {} },
  { team: 'a\tb', user: 'é"\\', provider: 'openai', model: 'gpt-5', tags: { job: 'x' } },
]
const PRICES: readonly (Price | undefined)[] = [
  undefined,
  { inputPico: 1, cachedInputPico: 2, cacheWritePico: 3, outputPico: 4 },
  { inputPico: 5, cachedInputPico: 6, cacheWritePico: 7, outputPico: 8 },
]
const ACCOUNTS: readonly (readonly AccountKey[])[] = [
  [toAccountKey(toBudgetId('global'), null, AT)],
  [toAccountKey(toBudgetId('global'), null, AT), toAccountKey(toBudgetId('per-user'), 'é', AT)],
]

const amount = fc.maxSafeNat()
const instant = fc.integer({ min: AT - 1000, max: AT + 1_000_000 })

const calls = fc.record({
  id: fc.constantFrom('call_1', 'an "id"', 'é'),
  attributes: fc.constantFrom(...ATTRIBUTES),
  price: fc.constantFrom(...PRICES),
  endpoint: fc.constantFrom('openai.chat', 'reservations'),
  accounts: fc.constantFrom(...ACCOUNTS),
  admittedAt: instant,
  endedAt: instant,
  expiresAt: instant,
  amounts: fc.tuple(amount, amount, amount, amount),
  isSpared: fc.boolean(),
  status: fc.option(fc.constantFrom(200, 500), { nil: undefined }),
  usage: fc.oneof(
    fc.constant<Usage>({ kind: 'none' }),
    amount.map((input): Usage => ({ kind: 'estimated', counts: { input: { total: input } }, why: 'it was\n\tcut "off"' })),
    fc
      .tuple(amount, amount)
      .map(([input, output]): Usage => ({ kind: 'reported', counts: { input: { total: input }, output: { total: output } } })),
    fc.constant<Usage>({ kind: 'reported', counts: {} }),
    amount.map((costNanoUsd): Usage => ({ kind: 'reported', counts: { output: { total: 1 } }, billing: { costNanoUsd } })),
  ),
})

const ended = calls.map(
  ({ id, attributes, price, endpoint, accounts, amounts, admittedAt, endedAt, expiresAt, isSpared, status, usage }): EndedHold => {
    const [held, used, cost, overrun] = amounts
    const call = { id: toCallId(id), admittedAt, attributes, endpoint, ...(price === undefined ? {} : { price }) }
    return {
      hold: {
        call,
        charges: accounts.map((account, i) => ({ account, amount: held - Math.min(held, i) })),
        input: held,
        output: 3,
        costNanoUsd: cost,
        expiresAt,
        isSpared,
      },
      settlement: {
        call: call.id,
        endedAt,
        ending: 'done',
        ...(status === undefined ? {} : { status }),
        usage,
        costNanoUsd: cost,
        amounts: accounts.map(() => used),
        overrun,
      },
    }
  },
)

test('calls that were written down together are read as they were', () => {
  fc.assert(
    fc.property(fc.array(ended, { minLength: 1, maxLength: 30 }), (all) => {
      expect(fromCallsText(toCallsText(all))).toStrictEqual(all)
    }),
    { numRuns: 500 },
  )
})

test('what calls have in common stands there once, and is read as the same object', () => {
  const [one] = fc.sample(ended, { numRuns: 1, seed: 1 })
  const text = toCallsText(Array.from({ length: 100 }, () => one!))
  expect(text.split('\t')).toHaveLength(3)
  const read = fromCallsText(text)
  const again = fromCallsText(text)
  expect(new Set([...read, ...again].map(({ hold }) => hold.call.attributes)).size).toBe(1)
})

test('counts of an older version, whose parts stood beside their wholes, are read as those of this one', () => {
  const kind = '\t[{"provider":"p","model":"m","tags":{}},null,"openai.chat"]\t[]'
  const text = (usage: string) => `[1000,0,"call_1",0,9,9,0,900,0,5,"done",200,${usage},0,0]${kind}`
  const usageIn = (usage: string) => fromCallsText(text(usage)).map(({ settlement }) => settlement.usage)
  expect(usageIn('{"input":7,"cachedInput":2,"output":3}')).toEqual([
    { kind: 'reported', counts: { input: { total: 7, cached: 2 }, output: { total: 3 } } },
  ])
  expect(usageIn('{"kind":"estimated","counts":{"output":3},"why":"x"}')).toEqual([
    { kind: 'estimated', counts: { output: { total: 3 } }, why: 'x' },
  ])
})

import { expect, test } from 'vitest'
import type { Budget } from '../domain/budgets/budget.ts'
import type { Hold } from '../domain/call.ts'
import { toAccountKey, toBudgetId, toCallId } from '../domain/ids.ts'
import type { Price } from '../domain/usage/price.ts'
import type { Usage } from '../domain/usage/usage.ts'
import { billOf } from './bill.ts'

const budget = (id: string, more: Partial<Budget> = {}): Budget => ({
  id: toBudgetId(id),
  name: id,
  scope: {},
  unit: 'tokens',
  limit: 1000,
  period: { kind: 'month', timezone: 'UTC' },
  alertAt: [],
  isHardCap: true,
  nearLimit: 'clamp',
  waitMs: 0,
  managedBy: 'file',
  ...more,
})
const usd = (perMillion: number): Price => ({
  inputPico: perMillion * 1e6,
  cachedInputPico: perMillion * 1e6,
  cacheWritePico: perMillion * 1e6,
  outputPico: perMillion * 1e6,
})

const ACCOUNTS: readonly (readonly [Budget, each: string | null])[] = [
  [budget('global'), null],
  [budget('usd', { unit: 'usd' }), null],
  [budget('calls', { unit: 'requests' }), null],
  [budget('model:opus', { scope: { model: 'opus' } }), null],
  [budget('model:haiku', { scope: { model: 'haiku-20251001' } }), null],
  [budget('each', { each: 'model' }), 'opus'],
  [budget('each', { each: 'model' }), 'haiku'],
  [budget('haiku-calls', { scope: { model: 'haiku' }, unit: 'requests' }), null],
  [budget('haiku-usd', { scope: { model: 'haiku' }, unit: 'usd' }), null],
]

function hold(otherModels?: readonly string[]): Hold {
  return {
    call: {
      id: toCallId('call_1'),
      admittedAt: 1000,
      attributes: { provider: 'p', model: 'opus', tags: {}, ...(otherModels === undefined ? {} : { otherModels }) },
      endpoint: 'anthropic.messages',
      price: usd(5),
    },
    charges: ACCOUNTS.map(([{ id }, each]) => ({ account: toAccountKey(id, each, 0), amount: 1000 })),
    input: 500,
    output: 500,
    costNanoUsd: 1,
    expiresAt: 9,
    isSpared: false,
  }
}

const charge = (usage: Usage, otherModels: readonly string[] | undefined = ['haiku']) => {
  const budgets = ACCOUNTS.map(([one]) => one)
  const { amounts, costNanoUsd } = billOf(hold(otherModels), budgets, usage)
  return { costNanoUsd, ...Object.fromEntries(ACCOUNTS.map(([{ id }, each], i) => [each === null ? id : `${id}/${each}`, amounts[i]])) }
}

test('a part by another model is charged at its own price, and in the accounts of that model and of all models only', () => {
  const others = [{ model: 'haiku-20251001', counts: { input: { total: 100 }, output: { total: 50 } }, price: usd(1) }]
  expect(charge({ kind: 'reported', counts: { input: { total: 10 }, output: { total: 5 } }, others })).toEqual({
    global: 165,
    usd: 225_000,
    calls: 1,
    'model:opus': 15,
    'model:haiku': 150,
    'each/opus': 15,
    'each/haiku': 150,
    'haiku-calls': 1,
    'haiku-usd': 150_000,
    costNanoUsd: 225_000,
  })
})

test('a model that might have answered and did not is charged nothing', () => {
  expect(charge({ kind: 'reported', counts: { input: { total: 10 }, output: { total: 5 } } })).toEqual({
    global: 15,
    usd: 75_000,
    calls: 1,
    'model:opus': 15,
    'model:haiku': 0,
    'each/opus': 15,
    'each/haiku': 0,
    'haiku-calls': 0,
    'haiku-usd': 0,
    costNanoUsd: 75_000,
  })
})

test('a part without a known price costs what the call’s own model does, and what the provider says where it says it', () => {
  const usage = (billing?: { costNanoUsd: number }): Usage => ({
    kind: 'reported',
    counts: { input: { total: 10 } },
    others: [{ model: 'haiku', counts: { input: { total: 100 } }, billing }],
  })
  expect(charge(usage()).costNanoUsd).toBe(550_000)
  expect(charge(usage({ costNanoUsd: 7 })).costNanoUsd).toBe(50_007)
})

test('an account whose budget came to name another model only after the call began is charged all of it', () => {
  const edited = ACCOUNTS.map(([one]) => ({ ...one, scope: { model: 'gemini' } }))
  const { amounts } = billOf(hold(['haiku']), edited, { kind: 'reported', counts: { input: { total: 10 } } })
  expect(amounts[0]).toBe(10)
})

test('a call that used nothing, or whose use is unknown, is charged nothing or its hold, in all accounts', () => {
  expect(
    billOf(
      hold(['haiku']),
      ACCOUNTS.map(([one]) => one),
      { kind: 'none' },
    ).amounts.every((amount) => amount === 0),
  ).toBe(true)
  expect(
    billOf(
      hold(['haiku']),
      ACCOUNTS.map(([one]) => one),
      'held',
    ).amounts.every((amount) => amount === 1000),
  ).toBe(true)
})

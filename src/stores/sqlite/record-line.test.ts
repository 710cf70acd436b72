import { crc32 } from 'node:zlib'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Call, Hold, Settlement } from '../../domain/call.ts'
import { isId, toCallId } from '../../domain/ids.ts'
import type { Price } from '../../domain/usage/price.ts'
import type { LedgerRecord } from '../../domain/record.ts'
import type { Attributes } from '../../domain/budgets/scope.ts'
import type { Usage } from '../../domain/usage/usage.ts'
import { accountOf, alert, audited, called, opened } from '../contract/sample-records.ts'
import { fromLine, toLine } from './record-line.ts'
import { tokenCounts } from '../../domain/usage/token-counts.ts'

const amount = fc.maxSafeNat()
const id = fc.string({ minLength: 1, unit: 'grapheme' }).filter(isId)
// Typed so that a field which the domain gains has to be added here, and then has to survive.
const attributes: fc.Arbitrary<Attributes> = fc.record<Required<Attributes>>(
  {
    team: id,
    project: id,
    user: id,
    key: id,
    provider: id,
    model: id,
    otherModels: fc.array(id),
    tags: fc.dictionary(id, id).map((tags) => ({ ...tags })),
  },
  { requiredKeys: ['provider', 'model', 'tags'] },
)
const price: fc.Arbitrary<Price> = fc.record({
  inputPico: amount,
  cachedInputPico: amount,
  cacheWritePico: amount,
  outputPico: amount,
  source: id,
})
const call: fc.Arbitrary<Call> = fc
  .record<Required<Call>>({
    id: id.map(toCallId),
    admittedAt: amount,
    attributes,
    endpoint: id,
    price: fc.option(price, { nil: undefined }),
  })
  .map(({ price: known, ...rest }) => (known === undefined ? rest : { ...rest, price: known }))
const hold: fc.Arbitrary<Hold> = fc.record<Required<Hold>>({
  call,
  charges: fc.array(fc.record({ account: id.map((name) => accountOf(name)), amount })),
  input: amount,
  output: amount,
  costNanoUsd: amount,
  expiresAt: amount,
  isSpared: fc.boolean(),
})
const usage: fc.Arbitrary<Usage> = fc.oneof(
  fc.constant<Usage>({ kind: 'none' }),
  fc.record({
    kind: fc.constant('reported' as const),
    counts: fc.record({ input: amount, output: amount }, { requiredKeys: [] }).map(tokenCounts),
  }),
  fc.record({
    kind: fc.constant('estimated' as const),
    counts: fc.record({ input: amount }).map(tokenCounts),
    billing: fc.record({ costNanoUsd: amount }),
    others: fc.array(fc.record({ model: id, counts: fc.record({ output: amount }).map(tokenCounts), price })),
    raw: fc.json(),
    why: id,
  }),
)
const settlement: fc.Arbitrary<Settlement> = fc
  .record<Required<Settlement>>({
    call: id.map(toCallId),
    endedAt: amount,
    ending: fc.constantFrom('done', 'lost', 'client_gone'),
    status: fc.option(fc.integer({ min: 100, max: 599 }), { nil: undefined }),
    usage,
    costNanoUsd: amount,
    amounts: fc.array(amount),
    overrun: amount,
  })
  .map(({ status, ...rest }) => (status === undefined ? rest : { ...rest, status }))

const read = (line: string) => fromLine(Buffer.from(line.slice(0, -1)))

test('calls of one caller keep their own accounts, in which another period or budget counts', () => {
  const attributes: Attributes = { provider: 'openai', model: 'gpt', tags: {} }
  const heldIn = (...names: readonly string[]): LedgerRecord => {
    const charges = names.map((name, i) => ({ account: accountOf(name), amount: i }))
    const call: Call = { id: toCallId('shared'), admittedAt: 0, attributes, endpoint: 'openai.chat' }
    return { kind: 'held', hold: { call, charges, input: 1, output: 1, costNanoUsd: 0, expiresAt: 1, isSpared: false } }
  }
  const records = [heldIn('a', 'b'), heldIn('a'), heldIn('a', 'c'), heldIn(), heldIn('a', 'b', 'c'), heldIn('a', 'b')]
  for (const record of records) expect(read(toLine([record]))).toEqual([record])
  expect(read(toLine(records))).toEqual(records)
})

test('records that every call writes are read as they were written, on one line, whatever their texts hold', () => {
  const records: fc.Arbitrary<LedgerRecord> = fc.oneof(
    hold.map((held) => ({ kind: 'held' as const, hold: held })),
    settlement.map((ended) => ({ kind: 'ended' as const, settlement: ended, alerts: [alert('global', 0.8)] })),
  )
  fc.assert(
    fc.property(fc.array(records, { minLength: 1, maxLength: 4 }), (written) => {
      const line = toLine(written)
      expect(line.indexOf('\n')).toBe(line.length - 1)
      expect(read(line)).toEqual(written)
    }),
    { numRuns: 2000 },
  )
})

test('and so is every other record, among them too, and the plain JSON of an older version', () => {
  const records = [opened('global'), ...called('call-1', { charges: { global: 4 } }), audited('an-entry')]
  expect(read(toLine(records))).toEqual(records)
  for (const record of records) {
    expect(read(toLine([record]))).toEqual([record])
    const json = JSON.stringify(record)
    expect(read(`${crc32(json).toString(16).padStart(8, '0')} ${json}\n`)).toEqual([record])
  }
})

test('a line with a flipped bit is none', () => {
  const bytes = Buffer.from(toLine(called('call-1', { charges: { global: 4 } })).slice(0, -1))
  for (let i = 0; i < bytes.length; i++) {
    const damaged = Buffer.from(bytes)
    damaged[i]! ^= 1
    expect(fromLine(damaged)).toBeUndefined()
  }
})

test('counts of an older version, whose parts stood beside their wholes, are read as those of this one', () => {
  const counts = '{"input":7,"cachedInput":2,"cacheWrite":1,"output":3,"reasoning":1,"webSearches":2}'
  const now = { input: { total: 7, cached: 2, cacheWrite: 1 }, output: { total: 3, reasoning: 1 }, webSearches: 2 }
  for (const [usage, expected] of [
    [`{"kind":"reported","counts":${counts},"billing":{"tier":"flex"}}`, { kind: 'reported', counts: now, billing: { tier: 'flex' } }],
    [`{"kind":"estimated","counts":{"input":5},"why":"x"}`, { kind: 'estimated', counts: { input: { total: 5 } }, why: 'x' }],
    [`{"kind":"reported","counts":{"cachedInput":5}}`, { kind: 'reported', counts: { input: { cached: 5 } } }],
    ['{"kind":"none"}', { kind: 'none' }],
  ] as const) {
    const row = `["ended","call_1",1000,"done",200,${usage},5,0,[],4]`
    const settlement = `{"call":"call_1","endedAt":1000,"ending":"done","usage":${usage},"costNanoUsd":5,"amounts":[4],"overrun":0}`
    for (const text of [row, `[${row}]`, `{"kind":"ended","settlement":${settlement},"alerts":[]}`]) {
      const line = Buffer.from(`${crc32(text).toString(16).padStart(8, '0')} ${text}`)
      expect(fromLine(line)).toMatchObject([{ kind: 'ended', settlement: { call: 'call_1', usage: expected, amounts: [4] } }])
    }
  }
})

import { expect, test } from 'vitest'
import { periodAt } from '../domain/budgets/period.ts'
import { type Message, messageOf } from './message.ts'
import { sampleAlert } from './sample-alert.ts'

const fact = (message: Message, label: string) => message.facts.find((candidate) => candidate.label === label)?.value

test('an advisory budget at its threshold: who, how much of what, and that calls go on', () => {
  const message = messageOf(sampleAlert())
  expect(message.title).toBe('Marketing Team has used 83.2 % of its 5,000,000 tokens (advisory)')
  expect(message.explanation).toBe('This budget is advisory: calls go on, also beyond the limit.')
  expect(message.bar).toBe('################----')
  expect(message.facts).toEqual([
    { label: 'Budget', value: 'Marketing Team (team:marketing)' },
    { label: 'Used / limit', value: '4,160,000 / 5,000,000 tokens' },
    { label: 'Share', value: '83.2 %' },
    { label: 'Limit', value: 'advisory: calls go on' },
    { label: 'Period', value: '2026-11' },
    { label: 'Resets', value: '2026-12-01 00:00 UTC, 8 days after this alert' },
    { label: 'Reached', value: '2026-11-22 10:00 UTC' },
  ])
})

test('an exhausted hard cap says that calls are refused, and until when', () => {
  const { title, explanation, isExhausted } = messageOf(sampleAlert({ isHardCap: true, threshold: 1, used: 5_000_000 }))
  expect(title).toBe('Marketing Team is exhausted: hard cap, further calls are refused until 2026-12-01 00:00 UTC')
  expect(explanation).toBe('The limit is reached: calls beyond the limit are refused until 2026-12-01 00:00 UTC.')
  expect(isExhausted).toBe(true)
})

test('a hard cap that has too little left for a call says how little', () => {
  const message = messageOf(sampleAlert({ isHardCap: true, threshold: 1, used: 4_998_800 }))
  expect(message.explanation).toBe(
    'A call did not fit into the 1,200 tokens that are left: calls beyond the limit are refused until 2026-12-01 00:00 UTC.',
  )
  expect(message.percent).toBe(99.9)
})

test('an exhausted advisory budget does not claim that calls are refused', () => {
  const { title } = messageOf(sampleAlert({ threshold: 1, used: 5_250_000 }))
  expect(title).toBe('Marketing Team has used 105.0 % of its 5,000,000 tokens (exhausted, advisory: calls go on)')
})

test('money is written in USD with two to four decimals', () => {
  const message = messageOf(sampleAlert({ unit: 'usd', used: 41_605_012_345, limit: 50_000_000_000, isHardCap: true }))
  expect(message.title).toBe('Marketing Team has used 83.2 % of its 50.00 USD (hard cap)')
  expect(fact(message, 'Used / limit')).toBe('41.605 / 50.00 USD')
})

test('an account of an each value is named, requests are counted as such', () => {
  const message = messageOf(sampleAlert({ each: 'alice', unit: 'requests', used: 800, limit: 1000 }))
  expect(message.title).toBe('Marketing Team: alice has used 80.0 % of its 1,000 requests (advisory)')
  expect(fact(message, 'Account')).toBe('alice')
})

test('a budget without a period never resets', () => {
  const total = periodAt({ kind: 'total', timezone: 'UTC' }, Date.UTC(2026, 10, 22))
  const message = messageOf(sampleAlert({ period: total, isHardCap: true, threshold: 1, used: 5_000_000 }))
  expect(message.title).toBe('Marketing Team is exhausted: hard cap, further calls are refused until the limit is raised')
  expect(fact(message, 'Resets')).toBe('never (the budget has no period)')
})

test('a limit of 0 is 100 % used', () => {
  expect(messageOf(sampleAlert({ used: 0, limit: 0, threshold: 1 })).percent).toBe(100)
})

test.each([
  [3 * 86_400_000, '3 days'],
  [47 * 3_600_000, '47 hours'],
  [61 * 60_000, '61 minutes'],
])('%d ms before the reset it says %s', (leftMs, text) => {
  const endsAt = Date.UTC(2026, 11, 1)
  expect(fact(messageOf(sampleAlert({ at: endsAt - leftMs })), 'Resets')).toBe(`2026-12-01 00:00 UTC, ${text} after this alert`)
})

test('hostile names become one plain line of bounded length', () => {
  const { title } = messageOf(sampleAlert({ name: 'A\r\nBcc: x@evil.example\u202e', each: 'x'.repeat(5000) }))
  expect(title).not.toMatch(/[\r\n\u202e]/)
  expect(title.length).toBeLessThan(400)
})

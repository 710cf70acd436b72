import { expect, test } from 'vitest'
import { FailedTokens } from './failed-tokens.ts'

const FORGOTTEN_MS = 900_001

function failing(tokens: FailedTokens, address: string, times: number, now = 0): readonly number[] {
  return Array.from({ length: times }, () => tokens.failed(address, now))
}

test('who mistypes a token a few times does not wait, who guesses waits longer and longer, up to a limit', () => {
  expect(failing(new FailedTokens(() => undefined), '10.0.0.1', 10)).toEqual([0, 0, 0, 250, 500, 1000, 2000, 4000, 4000, 4000])
})

test('one address does not slow down another, and a quarter of an hour forgives', () => {
  const tokens = new FailedTokens(() => undefined)
  failing(tokens, '10.0.0.1', 100)
  expect(tokens.failed('10.0.0.2', 0)).toBe(0)
  expect(tokens.failed('10.0.0.1', FORGOTTEN_MS)).toBe(0)
})

test('the log is told of guesses, and a hundred thousand of them do not fill it', () => {
  const told: string[] = []
  failing(new FailedTokens((message) => told.push(message)), '10.0.0.1', 100_000)
  expect(told).toEqual([1, 3, 10, 100, 1000, 10_000, 100_000].map((count) => `${count} wrong admin tokens from 10.0.0.1`))
})

test('a thousand addresses are remembered, those that failed last', () => {
  const tokens = new FailedTokens(() => undefined)
  for (let i = 0; i <= 1000; i++) failing(tokens, `10.0.${i}`, 4)
  expect(tokens.failed('10.0.1000', 0)).toBeGreaterThan(0)
  expect(tokens.failed('10.0.0', 0)).toBe(0)
})

test('when too many wait already, one more is answered at once', async () => {
  const tokens = new FailedTokens(() => undefined)
  const waiting: (() => void)[] = []
  failing(tokens, '10.0.0.1', 4)
  const all = Array.from({ length: 200 }, () => tokens.wait(250, (_, run) => waiting.push(run)))
  expect(tokens.failed('10.0.0.1', 0)).toBe(0)
  for (const run of waiting) run()
  await Promise.all(all)
  expect(tokens.failed('10.0.0.1', 0)).toBeGreaterThan(0)
})

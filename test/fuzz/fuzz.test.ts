import { expect, test } from 'vitest'
import { fuzz } from './fuzz-run.ts'

test('whatever callers send, the process stays up, its sums agree, and each answer is charged at least what its provider reports', async () => {
  const { sent, calls, answers, violations } = await fuzz({ seed: 7, requests: 2000 })
  expect(violations).toEqual([])
  expect(sent).toBe(2000)
  // It would prove nothing if all were refused, or nothing were.
  expect(calls).toBeGreaterThan(600)
  expect(answers['400']).toBeGreaterThan(200)
}, 120_000)

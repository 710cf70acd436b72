import { expect, test } from 'vitest'
import { endure } from './endurance.ts'

test('beside one key that attacks in all known ways, no honest call fails or is miscounted', async () => {
  const { attacked, attacks, faults } = await endure({ attackMs: 12_000, windowMs: 4000 })
  expect(faults).toEqual([])
  expect(attacks).toBeGreaterThan(20)
  expect(attacked.every(({ calls, streams }) => calls > 0 && streams > 0)).toBe(true)
}, 120_000)

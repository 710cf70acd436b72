import { expect, test } from 'vitest'
import { sharedPrice } from './price-by-text.ts'

test('prices that say the same are one object, wherever they were read', () => {
  const price = { inputPico: 1, cachedInputPico: 2, cacheWritePico: 3, outputPico: 4 }
  const shared = sharedPrice({ ...price })
  expect(shared).toEqual(price)
  expect(sharedPrice({ ...price })).toBe(shared)
  expect(sharedPrice(shared)).toBe(shared)
  expect(sharedPrice({ ...price, outputPico: 5 })).not.toBe(shared)
})

import type { Price } from '../../domain/usage/price.ts'

/** A list of prices has about a thousand. */
const PRICES_MAX = 5000
const byText = new Map<string, Price>()
const found = new WeakMap<Price, Price>()

/** The one object of a price, whichever record it was read from: what is kept by price is kept once. */
export function sharedPrice(price: Price): Price {
  const known = found.get(price)
  if (known !== undefined) return known
  const text = JSON.stringify(price)
  const shared = byText.get(text) ?? price
  if (byText.size >= PRICES_MAX) byText.clear()
  byText.set(text, shared)
  found.set(price, shared)
  return shared
}

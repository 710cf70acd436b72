import { expect, test } from 'vitest'
import { InputMargins } from './input-margins.ts'

function learn(margins: InputMargins, share: (index: number) => number, count = 32): void {
  for (let index = 0; index < count; index++) margins.observe('claude', 1000, Math.round(1000 * share(index)))
}

const AT = Date.UTC(2026, 10, 15)

/** How many of so many calls, one after another in that time, are looked at. */
function wantedOf(margins: InputMargins, calls: number, { withinMs = 0 } = {}): number {
  return Array.from({ length: calls }, (_, call) => margins.wants('claude', false, AT + (withinMs * call) / calls)).filter(Boolean).length
}

test('nothing is bounded by a margin before enough calls were seen', () => {
  const margins = new InputMargins()
  learn(margins, () => 1.3, 31)
  expect([margins.isLearnt('claude'), margins.boundOf('claude', 1000)]).toEqual([false, Infinity])
  learn(margins, () => 1.3, 1)
  expect(margins.isLearnt('claude')).toBe(true)
})

test('the largest share that was seen bounds, with a margin, and never less than what was counted', () => {
  const margins = new InputMargins()
  learn(margins, (index) => (index === 7 ? 1.5 : 1.1))
  expect(margins.boundOf('claude', 1000)).toBe(1800)
  const sparing = new InputMargins()
  learn(sparing, () => 0.2)
  expect(sparing.boundOf('claude', 1000)).toBe(1200)
})

test('a larger share counts at once, and is forgotten when it is long past', () => {
  const margins = new InputMargins()
  learn(margins, () => 1.1)
  margins.observe('claude', 100, 400)
  expect(margins.boundOf('claude', 1000)).toBe(4800)
  learn(margins, () => 1.1, 2 * 256)
  expect(margins.boundOf('claude', 1000)).toBe(1320)
})

test('models that are known are looked at now and then', () => {
  const margins = new InputMargins()
  learn(margins, () => 1)
  expect(wantedOf(margins, 160)).toBe(10)
  expect(margins.wants('new', false, AT)).toBe(true)
})

test('models that are well known are looked at seldom, but a call that passed its hold always', () => {
  const margins = new InputMargins()
  learn(margins, () => 1, 256)
  expect(wantedOf(margins, 1024, { withinMs: 8000 })).toBe(4)
  expect(wantedOf(margins, 1024 * 256, { withinMs: 8000 })).toBe(8)
  expect([1, 2, 3].map(() => margins.wants('claude', true, AT))).toEqual([true, true, true])
})

test('the memory is bounded, whatever models callers name', () => {
  const margins = new InputMargins()
  learn(margins, () => 1)
  for (let index = 0; index < 2000; index++) margins.observe(`model-${index}`, 1, 1)
  expect(margins.isLearnt('claude')).toBe(false)
})

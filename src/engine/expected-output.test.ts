import { expect, test } from 'vitest'
import { ExpectedOutput } from './expected-output.ts'

const GENERATION = 5000

function observe(expected: ExpectedOutput, caller: string, times: number): void {
  for (let i = 0; i < times; i++) expected.observe(caller, 1000)
}

test('what is expected of a caller is learnt from its answers', () => {
  const expected = new ExpectedOutput()
  observe(expected, 'known', 19)
  expect(expected.of('known')).toBe(expected.of('unknown'))
  observe(expected, 'known', 1)
  expect(expected.of('known')).not.toBe(expected.of('unknown'))
  expect(expected.startOf('known')).toBeGreaterThanOrEqual(1000)
  expect(expected.startOf('known')).toBeLessThan(1200)
})

test('a caller that goes on calling stays known, and one that stopped is forgotten after as many others', () => {
  const expected = new ExpectedOutput()
  observe(expected, 'steady', 20)
  observe(expected, 'gone', 20)
  for (let other = 0; other < 2 * GENERATION; other++) {
    expected.observe(`other ${other}`, 1)
    expected.observe('steady', 1000)
  }
  expect(expected.startOf('steady')).toBeGreaterThanOrEqual(1000)
  expect(expected.startOf('gone')).toBe(expected.startOf('unknown'))
})

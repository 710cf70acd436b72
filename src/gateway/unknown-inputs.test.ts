import { expect, test } from 'vitest'
import { UnknownInputs } from './unknown-inputs.ts'

test('what was not known is counted by model and name, the most frequent first', () => {
  const inputs = new UnknownInputs()
  const found = { api: 'openai', provider: 'p', model: 'm', what: 'option "x"' }
  inputs.note({ ...found, what: 'part "y"' })
  inputs.note(found)
  inputs.note(found)
  expect(inputs.all()).toEqual([
    { ...found, calls: 2 },
    { ...found, what: 'part "y"', calls: 1 },
  ])
})

test('whatever callers invent, little is kept, and no call is lost', () => {
  const inputs = new UnknownInputs()
  for (let nr = 0; nr < 5000; nr++) inputs.note({ api: 'openai', provider: 'p', model: `m${nr}`, what: 'part' })
  expect(inputs.all().length).toBeLessThan(250)
  expect(inputs.all().reduce((sum, { calls }) => sum + calls, 0)).toBe(5000)
})

import { expect, test } from 'vitest'
import { held } from '../contract/sample-records.ts'
import { storedHold, toHold, toStored } from './hold-text.ts'

/** The attributes of a call with that tag, read from its hold as it is stored. */
function attributesOf(id: string, tag: string): unknown {
  const { hold } = held(id)
  const call = { ...hold.call, attributes: { ...hold.call.attributes, tags: { tag } } }
  return toHold(toStored(storedHold({ ...hold, call }), hold.expiresAt)).call.attributes
}

test('holds of one caller are read with the same attributes', () => {
  expect(attributesOf('call-1', 'short')).toMatchObject({ tags: { tag: 'short' } })
  expect(attributesOf('call-2', 'short')).toBe(attributesOf('call-1', 'short'))
})

test('attributes of many thousand characters are read, and not kept', () => {
  const long = 'x'.repeat(10_000)
  expect(attributesOf('call-1', long)).toMatchObject({ tags: { tag: long } })
  expect(attributesOf('call-2', long)).not.toBe(attributesOf('call-1', long))
})

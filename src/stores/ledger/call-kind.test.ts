import { expect, test } from 'vitest'
import { held } from '../contract/sample-records.ts'
import { fromText, toText } from './record-text.ts'

/** The attributes of a call with that tag, read from its record. */
function attributesOf(id: string, tag: string): unknown {
  const { hold } = held(id)
  const attributes = { ...hold.call.attributes, tags: { tag } }
  const [record] = fromText(toText([{ kind: 'held', hold: { ...hold, call: { ...hold.call, attributes } } }]))
  return record?.kind === 'held' ? record.hold.call.attributes : undefined
}

test('calls of one caller are read with the same attributes', () => {
  expect(attributesOf('call-1', 'short')).toMatchObject({ tags: { tag: 'short' } })
  expect(attributesOf('call-2', 'short')).toBe(attributesOf('call-1', 'short'))
})

test('attributes of many thousand characters are read, and not kept', () => {
  const long = 'x'.repeat(10_000)
  expect(attributesOf('call-1', long)).toMatchObject({ tags: { tag: long } })
  expect(attributesOf('call-2', long)).not.toBe(attributesOf('call-1', long))
})

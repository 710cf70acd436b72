import { expect, test } from 'vitest'
import type { Call } from '../../domain/call.ts'
import { held } from '../contract/sample-records.ts'
import { fromText, toText } from './record-text.ts'

const PRICE = { inputPico: 1, cachedInputPico: 2, cacheWritePico: 3, outputPico: 4 }

/** A call with that tag, read from its record. */
function callOf(id: string, tag: string): Call | undefined {
  const { hold } = held(id)
  const attributes = { ...hold.call.attributes, tags: { tag } }
  const [record] = fromText(toText([{ kind: 'held', hold: { ...hold, call: { ...hold.call, attributes, price: { ...PRICE } } } }]))
  return record?.kind === 'held' ? record.hold.call : undefined
}

const attributesOf = (id: string, tag: string) => callOf(id, tag)?.attributes

test('calls of one price share it, whoever makes them', () => {
  expect(callOf('call-1', 'one')?.price).toEqual(PRICE)
  expect(callOf('call-2', 'another')?.price).toBe(callOf('call-1', 'one')?.price)
})

test('calls of one caller are read with the same attributes', () => {
  expect(attributesOf('call-1', 'short')).toMatchObject({ tags: { tag: 'short' } })
  expect(attributesOf('call-2', 'short')).toBe(attributesOf('call-1', 'short'))
})

test('attributes of many thousand characters are read, and not kept', () => {
  const long = 'x'.repeat(10_000)
  expect(attributesOf('call-1', long)).toMatchObject({ tags: { tag: long } })
  expect(attributesOf('call-2', long)).not.toBe(attributesOf('call-1', long))
})

import { expect, test } from 'vitest'
import { complete } from './complete.ts'

const json = { model: 'claude-2.1', prompt: '\n\nHuman: Hello\n\nAssistant:', max_tokens_to_sample: 300, stream: true }
const body = Buffer.from(JSON.stringify(json))

test('a text completion is bounded by its own maximum, and clamped there', () => {
  const { facts } = complete.readRequest(body, {}, '')
  expect(facts).toMatchObject({ model: 'claude-2.1', isStream: true, outputMax: 300, canClamp: true })
  const { body: clamped } = complete.prepare(body, facts, { outputMax: 40 }, {})
  expect(JSON.parse(clamped.toString())).toEqual({ ...json, max_tokens_to_sample: 40 })
})

test('it reports no usage, so that what it says is to be counted', () => {
  const whole = complete.readAnswer(200, Buffer.from('{"completion":" Hi there","stop_reason":"stop_sequence"}'), {})
  expect(whole).toMatchObject({ isComplete: false, produced: ' Hi there' })
  const stream = complete.readStream(false, {})
  stream.push(Buffer.from('event: completion\ndata: {"completion":" Hi"}\n\nevent: completion\ndata: {"completion":" there"}\n\n'))
  stream.end()
  expect(stream.reading()).toMatchObject({ isComplete: false, produced: ' Hi there', isError: false })
})

test('an error inside of it is one', () => {
  expect(complete.readAnswer(529, Buffer.from('{"type":"error","error":{"type":"overloaded_error"}}'), {}).isError).toBe(true)
})

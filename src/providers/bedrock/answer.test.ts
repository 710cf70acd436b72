import { EventStreamCodec } from '@smithy/eventstream-codec'
import { fromUtf8, toUtf8 } from '@smithy/util-utf8'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { readWhole } from '../answer.ts'
import type { AnswerHeaders, AnswerReading } from '../provider.ts'
import { readConverseParts } from './converse-answer.ts'
import { createEventStreamAnswer } from './event-stream-answer.ts'
import { readInvokeParts } from './invoke-answer.ts'

const codec = new EventStreamCodec(toUtf8, fromUtf8)

function encode(name: string, payload: unknown, kind = 'event'): Buffer {
  const headers = {
    ':message-type': { type: 'string' as const, value: kind },
    [`:${kind}-type`]: { type: 'string' as const, value: name },
  }
  return Buffer.from(codec.encode({ headers, body: Buffer.from(JSON.stringify(payload)) }))
}

const chunk = (payload: unknown) => encode('chunk', { bytes: Buffer.from(JSON.stringify(payload)).toString('base64') })
const whole = (body: unknown, headers: AnswerHeaders = {}) => readWhole(readInvokeParts(headers), 200, Buffer.from(JSON.stringify(body)))
const converse = (body: unknown) => readWhole(readConverseParts(), 200, Buffer.from(JSON.stringify(body)))

function streamed(messages: readonly Buffer[], parts = readInvokeParts({})): AnswerReading {
  const stream = createEventStreamAnswer(parts)
  stream.push(Buffer.concat(messages))
  stream.end()
  return stream.reading()
}

test.each([
  [
    'Titan, with floats',
    { inputTextTokenCount: 28, results: [{ tokenCount: 10 }, { tokenCount: 5 }] },
    { input: { total: 28 }, output: { total: 15 } },
  ],
  [
    'Llama',
    { generation: 'Hi', prompt_token_count: 9, generation_token_count: 3, stop_reason: 'stop' },
    { input: { total: 9 }, output: { total: 3 } },
  ],
  [
    'Nova',
    { usage: { inputTokens: 4, outputTokens: 2, cacheReadInputTokenCount: 6 } },
    { input: { total: 10, cached: 6 }, output: { total: 2 } },
  ],
  [
    'AI21',
    { choices: [{ message: { content: 'Hi' } }], usage: { prompt_tokens: 7, completion_tokens: 3 } },
    { input: { total: 7 }, output: { total: 3 } },
  ],
  [
    'Cohere',
    { text: 'Hi', meta: { tokens: { input_tokens: 7, output_tokens: 3 }, billed_units: { input_tokens: 1 } } },
    { input: { total: 7 }, output: { total: 3 } },
  ],
  [
    'Claude',
    { type: 'message', usage: { input_tokens: 1, cache_read_input_tokens: 2, output_tokens: 3 } },
    { input: { total: 3, cached: 2 }, output: { total: 3 } },
  ],
])('invoke: the usage of %s', (_, body, expected) => {
  expect(whole(body)).toMatchObject({ reported: expected, isComplete: true })
})

test('invoke: headers count where the body does not', () => {
  const headers = { 'x-amzn-bedrock-input-token-count': '6', 'x-amzn-bedrock-output-token-count': '10' }
  expect(whole({ outputs: [{ text: 'Hi' }] }, headers)).toMatchObject({
    reported: { input: { total: 6 }, output: { total: 10 } },
    isComplete: true,
  })
  expect(whole({ usage: { inputTokens: 6 } }, headers)).toMatchObject({
    reported: { input: { total: 6 }, output: { total: 10 } },
    isComplete: true,
  })
  expect(whole({ embeddings: [] }, { 'x-amzn-bedrock-input-token-count': '6' })).toMatchObject({
    reported: { input: { total: 6 } },
    isComplete: true,
  })
})

test('invoke: an answer without any report is to be estimated from its text', () => {
  expect(whole({ outputs: [{ text: 'Hi there' }] })).toMatchObject({ isComplete: false, produced: 'Hi there' })
})

test('invoke, streamed: counts that grow are complete only at the end', () => {
  const chunks = [
    chunk({ generation: 'Hi', prompt_token_count: 9, generation_token_count: 1, stop_reason: null }),
    chunk({ generation: ' you', prompt_token_count: null, generation_token_count: 2, stop_reason: null }),
    chunk({ generation: '', prompt_token_count: null, generation_token_count: 3, stop_reason: 'stop' }),
  ]
  expect(streamed(chunks.slice(0, 2))).toMatchObject({
    reported: { input: { total: 9 }, output: { total: 2 } },
    isComplete: false,
    produced: 'Hi you',
  })
  expect(streamed(chunks)).toMatchObject({ reported: { input: { total: 9 }, output: { total: 3 } }, isComplete: true })
})

test('invoke, streamed: the metrics of the last chunk count where the model says nothing', () => {
  const last = { outputs: [{ text: '' }], 'amazon-bedrock-invocationMetrics': { inputTokenCount: 5, outputTokenCount: 10 } }
  expect(streamed([chunk({ outputs: [{ text: 'Hi' }] }), chunk(last)])).toMatchObject({
    reported: { input: { total: 5 }, output: { total: 10 } },
    isComplete: true,
  })
})

test('converse: writes that a cache keeps for an hour, and the price class, are read', () => {
  const cacheDetails = [{ ttl: '1h', inputTokens: 4 }, { ttl: '5m', inputTokens: 2 }] // prettier-ignore
  const usage = { inputTokens: 1, outputTokens: 2, cacheWriteInputTokens: 6, cacheWriteInputTokenCount: 6, cacheDetails }
  expect(converse({ usage, serviceTier: { type: 'flex' } })).toMatchObject({
    reported: { input: { total: 7, cacheWrite: 6, cacheWriteHour: 4 }, output: { total: 2 } },
    billing: { tier: 'flex' },
  })
})

test('usage that is not understood is never taken for none', () => {
  for (const reading of [
    converse({ usage: { tokensIn: 5 } }),
    converse({ usage: { inputTokens: '5', outputTokens: -1 } }),
    streamed([encode('metadata', { usage: { tokensIn: 5 } })], readConverseParts()),
    whole({ usage: { tokensIn: 5 } }),
    streamed([chunk({ 'amazon-bedrock-invocationMetrics': { tokensIn: 5 } })]),
  ]) {
    expect(reading).toMatchObject({ isNotUnderstood: true, isComplete: false })
  }
})

test('a stream of which a part could not be read is not understood, unless its usage was read', () => {
  const metadata = encode('metadata', { usage: { inputTokens: 1, outputTokens: 2 } })
  const damaged = encode('contentBlockDelta', { delta: { text: 'Hi' } })
  damaged.writeUInt8(0x20, damaged.length - 6)
  expect(streamed([damaged], readConverseParts())).toMatchObject({ isNotUnderstood: true, isComplete: false })
  expect(streamed([damaged, metadata], readConverseParts())).toMatchObject({
    reported: { input: { total: 1 }, output: { total: 2 } },
    isComplete: true,
  })
})

test('an exception inside a stream makes it an error', () => {
  const exception = encode('modelStreamErrorException', { message: 'no' }, 'exception')
  expect(streamed([exception], readConverseParts())).toMatchObject({ isError: true, isComplete: false })
  expect(streamed([exception])).toMatchObject({ isError: true, isComplete: false })
})

test('whatever the bytes, reading never throws', () => {
  const names = fc.constantFrom('metadata', 'chunk', 'contentBlockDelta', 'contentBlockStart', '')
  fc.assert(
    fc.property(fc.array(fc.tuple(names, fc.jsonValue(), fc.boolean())), (events) => {
      const messages = events.map(([name, payload, isChunk]) => (isChunk ? chunk(payload) : encode(name, payload)))
      for (const parts of [readConverseParts(), readInvokeParts({})]) expect(() => streamed(messages, parts)).not.toThrow()
      for (const [, payload] of events) {
        expect(() => whole(payload)).not.toThrow()
        expect(() => converse({ usage: payload, output: payload })).not.toThrow()
      }
    }),
  )
})

test('an answer that is nested without end is read', () => {
  const deep = `${'['.repeat(200_000)}${']'.repeat(200_000)}`
  expect(() => readWhole(readConverseParts(), 200, Buffer.from(`{"output":${deep}}`))).not.toThrow()
  expect(() => readWhole(readInvokeParts({}), 200, Buffer.from(`{"output":${deep}}`))).not.toThrow()
  expect(() => readWhole(readInvokeParts({}), 200, Buffer.from(`{"type":"message","content":${deep}}`))).not.toThrow()
})

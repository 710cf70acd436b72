import { describe, expect, test } from 'vitest'
import { azure } from './azure/shape.ts'
import { checkJson } from './json-scan.ts'
import { chat, openAi } from './openai/shape.ts'

/** Most providers report the usage of a stream only where they are asked; some refuse to be asked. */

const json = { model: 'mistral-large-latest', stream: true, messages: [] }
const body = Buffer.from(JSON.stringify(json))
const { facts } = chat.readRequest(body, {}, '')

describe('a stream is asked for its usage', () => {
  test('and what was not asked for by the client is hidden from it', () => {
    const prepared = chat.prepare(body, facts, {}, {})
    expect(JSON.parse(prepared.body.toString())).toEqual({ ...json, stream_options: { include_usage: true } })
    expect(prepared.hidesUsageChunk).toBe(true)
  })

  const asked = (members: string) => {
    const bytes = Buffer.from(`{"model":"gpt-5",${members},"messages":[]}`)
    const { facts: read } = chat.readRequest(bytes, {}, '')
    const { body: sent, hidesUsageChunk } = chat.prepare(bytes, read, {}, {})
    return { sent: sent.toString(), hidesUsageChunk, isStream: read.isStream }
  }

  test.each([
    ['"stream":true,"stream_options":{"include_usage":true,"include_usage":false}', true],
    ['"stream":true,"stream_options":{"include_usage":false,"include_usage":true}', false],
    ['"stream":true,"stream_options":{"include_usage":true,"include_us\\u0061ge":false}', true],
    ['"stream":true,"stream_options":{"include_obfuscation":false,"include_usage":1}', true],
    ['"stream":true,"stream_options":false', true],
    ['"stream":true,"stream_options":[{"include_usage":true}]', true],
    ['"stream":true,"stream_options":"x"', true],
    ['"stream":1', true],
    ['"stream":1.0,"stream_options":{"include_usage":true}', false],
  ])('in one way, however the caller wrote it: %s', (members, isHidden) => {
    const { sent, hidesUsageChunk, isStream } = asked(members)
    expect(isStream).toBe(true)
    expect(hidesUsageChunk).toBe(isHidden)
    expect(JSON.parse(sent)).toMatchObject({ stream: true, stream_options: { include_usage: true } })
    expect(sent.match(/include_us/g)).toHaveLength(1)
    expect(() => checkJson(sent)).not.toThrow()
  })

  test('what is neither true nor false is no stream, nor none', () => {
    for (const stream of ['2', '"true"', '"on"', '[]', '{}', '""'])
      expect(() => asked(`"stream":${stream}`)).toThrow('"stream" must be true or false')
    for (const stream of ['0', 'false', 'null']) expect(asked(`"stream":${stream}`).isStream).toBe(false)
  })

  test('but not where its provider refuses to be asked: then nothing is changed, and nothing hidden', () => {
    const prepared = chat.prepare(body, facts, { asksForUsage: false }, {})
    expect(prepared).toEqual({ body, hidesUsageChunk: false })
  })

  test.each([
    ['https://api.openai.com/v1', true],
    ['https://openrouter.ai/api/v1', true],
    ['http://127.0.0.1:8000/v1', true],
    ['https://api.mistral.ai/v1', false],
    ['https://codestral.mistral.ai/v1', false],
    ['https://mistral.ai.example.com/v1', true],
    ['https://example.com/mistral.ai/v1', true],
  ])('%s: %s', (baseUrl, isAsked) => {
    expect(openAi.asksForUsage?.(baseUrl, '/chat/completions')).toBe(isAsked)
  })

  test.each([
    ['/openai/deployments/d/chat/completions?api-version=2024-10-21', true],
    ['/openai/deployments/d/chat/completions?api-version=2024-09-01-preview', true],
    ['/openai/deployments/d/chat/completions?api-version=2024-06-01', false],
    ['/openai/deployments/d/chat/completions?x=1&api-version=2023-05-15', false],
    ['/openai/deployments/d/chat/completions', true],
    ['/openai/v1/chat/completions?api-version=preview', true],
    ['/models/chat/completions?api-version=2024-05-01-preview', true],
  ])('%s: %s', (path, isAsked) => {
    expect(azure.asksForUsage?.('https://x.openai.azure.com', path)).toBe(isAsked)
  })
})

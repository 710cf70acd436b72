import fc from 'fast-check'
import { expect, test } from 'vitest'
import { jsonMembers, spliceBytes } from './json-members.ts'
import { InvalidRequest } from './provider.ts'
import { openAi } from './openai/shape.ts'
import { parseBody, setMember } from './request-body.ts'

const spaced = fc.tuple(fc.dictionary(fc.string(), fc.jsonValue(), { minKeys: 0, maxKeys: 6 }), fc.constantFrom(0, 1, 2, '\t'))

test('the members of any object are found where they stand', () => {
  fc.assert(
    fc.property(spaced, ([object, indent]) => {
      const bytes = Buffer.from(JSON.stringify(object, null, indent))
      const members = jsonMembers(bytes)
      expect(members.map(({ name }) => name)).toEqual(Object.keys(object))
      for (const { name, valueStart, valueEnd } of members) {
        expect(JSON.parse(bytes.toString('utf8', valueStart, valueEnd))).toEqual(JSON.parse(JSON.stringify(object[name])))
      }
    }),
  )
})

test('a string ends where JSON says it does, however long it is and whatever it escapes', () => {
  const pieces = fc.array(fc.constantFrom('\\', '"', 'a', 'é', '\n', 'aaaaaaaa'), { maxLength: 40 }).map((parts) => parts.join(''))
  fc.assert(
    fc.property(pieces, pieces, (name, value) => {
      const bytes = Buffer.from(JSON.stringify({ [name]: value, after: [value] }))
      expect(jsonMembers(bytes).map((member) => member.name)).toEqual(name === 'after' ? ['after'] : [name, 'after'])
    }),
    { numRuns: 1000 },
  )
})

test('setting a member changes its value, and no other byte', () => {
  fc.assert(
    fc.property(spaced, fc.string(), fc.jsonValue(), ([object, indent], name, value) => {
      fc.pre(name !== '__proto__' && !Object.hasOwn(object, '__proto__'))
      const bytes = Buffer.from(JSON.stringify(object, null, indent))
      const splice = setMember(bytes, jsonMembers(bytes), name, JSON.stringify(value))
      const after = spliceBytes(bytes, [splice])
      expect(JSON.parse(after.toString())).toEqual(JSON.parse(JSON.stringify({ ...object, [name]: value })))
      expect(after.subarray(0, splice.start).equals(bytes.subarray(0, splice.start))).toBe(true)
      expect(after.subarray(splice.start + Buffer.byteLength(splice.text)).equals(bytes.subarray(splice.end))).toBe(true)
    }),
  )
})

test('a member that stands twice is refused by name', () => {
  expect(() => parseBody(Buffer.from('{"model":"a","max_tokens":1,"max_tokens":9}'))).toThrow(InvalidRequest)
  expect(() => parseBody(Buffer.from('{"model":"a","max\\u005ftokens":1,"max_tokens":9}'))).toThrow('"max_tokens" twice')
})

const chat = openAi.endpoints.find(({ name }) => name === 'openai.chat')?.admission
if (chat?.kind !== 'metered') throw new Error('chat is metered')

test.each([
  ['{"model":"m","stream":true}', '{"stream_options":{"include_usage":true},"model":"m","stream":true}'],
  ['{"stream_options":null,"model":"m","stream":true}', '{"stream_options":{"include_usage":true},"model":"m","stream":true}'],
  ['{"stream_options":{},"model":"m","stream":true}', '{"stream_options":{"include_usage":true},"model":"m","stream":true}'],
  [
    '{"stream_options": {"include_obfuscation": false},"model":"m","stream":true}',
    '{"stream_options": {"include_usage":true,"include_obfuscation": false},"model":"m","stream":true}',
  ],
  [
    '{"stream_options":{"include_usage": false},"model":"m","stream":true}',
    '{"stream_options":{"include_usage": true},"model":"m","stream":true}',
  ],
])('a stream asks for its usage: %s', (body, expected) => {
  const { facts } = chat.readRequest(Buffer.from(body), {}, '')
  const prepared = chat.prepare(Buffer.from(body), facts, {}, {})
  expect(prepared.body.toString()).toBe(expected)
  expect(prepared.hidesUsageChunk).toBe(true)
})

test('a clamped maximum replaces every field that sets one, and is added where none does', () => {
  const clamp = (body: string) => {
    const bytes = Buffer.from(body)
    return JSON.parse(chat.prepare(bytes, chat.readRequest(bytes, {}, '').facts, { outputMax: 5 }, {}).body.toString()) as Record<
      string,
      unknown
    >
  }
  expect(clamp('{"model":"m","max_tokens":90,"max_completion_tokens":80}')).toEqual({ model: 'm', max_tokens: 5, max_completion_tokens: 5 })
  expect(clamp('{"model":"m"}')).toEqual({ model: 'm', max_tokens: 5 })
  expect(clamp('{"model":"gpt-5-mini"}')).toEqual({ model: 'gpt-5-mini', max_completion_tokens: 5 })
})

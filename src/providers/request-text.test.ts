import fc from 'fast-check'
import { expect, test } from 'vitest'
import { estimateRequest, requestText } from './request-text.ts'
import type { JsonObject } from './provider.ts'

test.each<[string, JsonObject, number]>([
  ['a list of token ids', { model: 'm', input: Array.from({ length: 5000 }, (_, i) => i) }, 5000],
  [
    'lists of token ids',
    {
      model: 'm',
      input: [
        [1, 2, 3],
        [4, 5],
      ],
    },
    5,
  ],
  ['a prompt of token ids', { model: 'm', prompt: [1, 2, 3], max_tokens: 100, temperature: 1 }, 3],
])('%s counts a token for each', (_, json, ids) => {
  expect(requestText(json)).toEqual({ text: '', ids })
  expect(estimateRequest(json)).toBe(ids)
})

test.each<[string, JsonObject, string]>([
  [
    'messages',
    {
      messages: [
        { role: 'user', content: 'one' },
        { role: 'user', content: [{ type: 'text', text: 'two' }] },
      ],
    },
    'one two',
  ],
  ['a system prompt', { system: [{ type: 'text', text: 'one' }], messages: [] }, 'one'],
  ['a field that nobody knows', { x_notes: { a: ['one'], b: 'two' } }, 'one two'],
  ['parts of Gemini', { contents: [{ parts: [{ text: 'one' }] }], systemInstruction: { parts: [{ text: 'two' }] } }, 'one two'],
  ['documents of Cohere', { message: 'one', documents: [{ title: 'two', snippet: 'three' }] }, 'one two three'],
  [
    "a tool's whole schema",
    { tools: [{ function: { name: 'one', parameters: { properties: { two: { maximum: 3, enum: ['four'] } } } } }] },
    'function name one parameters properties two maximum 3 enum four',
  ],
  [
    'arguments of a call',
    { messages: [{ content: [{ type: 'tool_use', name: 'one', input: { two: 3, four: true } }] }] },
    'one two 3 four true',
  ],
  ['a format to answer in', { text: { format: { one: 'two' } } }, 'format one two'],
  [
    'no data of media',
    { input: [{ content: [{ type: 'input_image', image_url: 'data:image/png;base64,AAAA' }, { x: 'data:a/b;base64,AAAA' }] }] },
    '',
  ],
  ['no options', { model: 'm', user: 'u', stop: ['a'], metadata: { a: 'b' }, max_tokens: 5, stream: true }, ''],
])('the text of a request is that of %s', (_, json, text) => {
  expect(requestText(json).text.split(' ').filter(Boolean).join(' ')).toBe(text)
})

test('whatever is sent under a name that is not known to cost nothing is in the text', () => {
  const name = fc.stringMatching(/^x_[a-z]{1,5}$/)
  const word = fc.stringMatching(/^[A-Z]{5,10}$/)
  const tree = fc.letrec((tie) => ({
    node: fc.oneof({ maxDepth: 6 }, word, fc.dictionary(name, tie('node')), fc.array(tie('node'))),
  })).node
  fc.assert(
    fc.property(tree, (x) => {
      const words = (JSON.stringify(x).match(/[A-Z]{5,10}/g) ?? []).join(' ')
      expect(requestText({ x }).text).toBe(words)
    }),
  )
})

test('it takes no recursion, and steps as many as there are values', () => {
  let deep: unknown = 'end'
  for (let i = 0; i < 100_000; i++) deep = i % 2 === 0 ? [deep] : { x: deep }
  expect(requestText({ x: deep }).text).toBe('end')
  expect(requestText({ tools: deep }).ids).toBe(0)
})

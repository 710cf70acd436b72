import { expect, test } from 'vitest'
import { UNKNOWN_CONTEXT_MAX } from '../input-tally.ts'
import { images } from './images.ts'

const factsOf = (request: object) =>
  images.readRequest(Buffer.from(JSON.stringify({ model: 'gpt-image-1', prompt: 'a cat', ...request })), {}, 'application/json').facts

test('a quality that is not known is held as the dearest, even where every object has a member of its name', () => {
  for (const quality of ['constructor', 'toString', '__proto__', 'hasOwnProperty', 'new-quality', '', 7, {}])
    expect(factsOf({ quality })).toMatchObject({ outputMax: factsOf({ quality: 'high' }).outputMax })
})

test('an option that nobody knows may bring a whole context with it, in JSON and in a form', () => {
  expect(factsOf({ conversation: 'conv_1' })).toMatchObject({ inputBound: UNKNOWN_CONTEXT_MAX, unknownInput: 'option "conversation"' })
  const field = (name: string, value: string) => `--b\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`
  const form = Buffer.from(`${field('model', 'gpt-image-1')}${field('prompt', 'a cat')}${field('conversation', 'conv_1')}--b--\r\n`)
  expect(images.readRequest(form, {}, 'multipart/form-data; boundary=b').facts.inputBound).toBe(UNKNOWN_CONTEXT_MAX)
})

test('what the API itself takes brings its text and its images, and no more', () => {
  expect(factsOf({ style: 'vivid', background: 'transparent', moderation: 'low', user: 'a' }).inputBound).toBeLessThan(200)
  const one = factsOf({ images: [{ image_url: 'data:image/png;base64,AAAA' }] }).inputBound
  expect(factsOf({ images: [{ image_url: 'data:image/png;base64,AAAA' }], mask: { file_id: 'file-1' } }).inputBound).toBe(one + 8000)
})
